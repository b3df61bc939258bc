"""One pass over two arrays."""
