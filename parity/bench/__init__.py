"""Which side is faster? Only what passed parity is timed, call by call in turn, beside a control of one side against itself."""
