"""The matrix of transformations: jit, vmap, grad and their compositions of a pair of functions, in both frameworks."""
