"""The cells in JAX, in its own idiom."""
