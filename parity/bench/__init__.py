"""Which side is faster: what passed parity, timed call by call in turn, with an A/A control."""
