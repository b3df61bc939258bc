"""Families of edits: each module makes hypotheses of one kind from a program."""
