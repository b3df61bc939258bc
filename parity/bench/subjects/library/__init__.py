"""The frameworks' own best for an operation, under the operation's own signature. Timed beside ours, after the same gate."""
