"""One module for each command of the command line: options, progress and exit code."""
