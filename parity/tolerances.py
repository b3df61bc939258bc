"""Every number that a verdict rests on, with the measurement it comes from. None stands anywhere else."""

# float64 rung: largest difference, as a fraction of the largest magnitude of the leaf, of two correct ports.
# Measured: correct ports up to 6.5e-16 (unit inputs) and 1.1e-14 (offset inputs), weakest planted fault 5.4e-6.
FLOAT64_EQUAL = 1e-12

# How far both sides, which agree with each other, may be from the caller's own NumPy reference: a reference may be
# written naively. Three orders below the weakest planted fault of 5.4e-6.
REFERENCE_EQUAL = 1e-9

# float32 error divided by float64 error on the same values. Rounding and conditioning scale with the unit roundoff:
# 2.1e8 to 2.1e9 measured; a different definition does not: 0.94 to 1.3e4 measured.
RATIO_CUT = 1e6

# A difference below this many units of a lower precision may be a step in that precision (INTERNAL_PRECISION); it is
# one only if it also behaves as noise: see NOISE_SHARE.
NOISE_UNITS = 1e4

# Inputs are moved this many times, and this share of the difference must be new. Independent noise gives 1.0, a smooth
# difference the relative size of the move.
NOISE_JITTERS = 3
NOISE_SHARE = 0.5

# float32 rung and below: a side is worse when its error to the float64 truth is this many times the other's, in the
# root mean square and in the largest error alike, over the given inputs and SIDE_JITTERS changed ones.
SIDE_RATIO = 2.0
SIDE_JITTERS = 6
SIDE_JITTER_SIZE = 2.0**-3

# Round-off of the scale, added to both errors before they are divided; unit = eps · largest magnitude of the leaf.
FLOOR_RMS_UNITS = 0.25
FLOOR_PEAK_UNITS = 1.0

# Training: the loss curves may differ by this many times what one ULP in the first parameters makes in one framework.
# Measured over five seeds on the digits, 400 steps: see docs/method.md.
DRIFT_RATIO = 100.0
