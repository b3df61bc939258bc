"""Processes: start, watch, end; files written whole."""
