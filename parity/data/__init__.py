"""What is compared: inputs, leaf names, dtypes, saved cases."""
