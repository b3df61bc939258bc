"""The cells in PyTorch, in its own idiom."""
