"""The jobs of the command line: the main run, training on the digits, regimes, strict mode."""
