"""Runs one side once: backends, runner, limits, run cache."""
