"""The clock, confidence intervals and the verdict on a ratio."""
