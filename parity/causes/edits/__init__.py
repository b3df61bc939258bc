"""Families of edits: each module makes candidates of one kind from a program."""
