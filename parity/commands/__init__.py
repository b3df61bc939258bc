"""One module for each command of the command line; what they do is elsewhere."""
