"""The frameworks' own functions for an operation, with the operation's signature; timed after the same parity check."""
