"""Processes that work on arrays from a file and leave arrays in one: started, watched, never left behind."""
