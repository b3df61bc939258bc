"""The measuring process and the one that watches it."""
