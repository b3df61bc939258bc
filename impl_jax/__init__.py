"""The operations in JAX."""
