"""Import, compilation, first call and peak memory, in processes of their own."""
