"""The rungs of the ladder: vacuity, float64, lower precisions, discrete values."""
