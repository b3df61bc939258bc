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
# one only if it also behaves as noise: see NOISE_SHARE. Measured in the catalogue of planted faults: hidden float32 steps
# make 0.03 to 2 units, hidden bfloat16 steps 0.5 to 2.
NOISE_UNITS = {"float32": 1e3, "bfloat16": 16.0}

# Inputs are moved this many times, and this share of the difference must be new. Independent noise gives 1.0, a smooth
# difference the relative size of the move.
NOISE_JITTERS = 3
NOISE_SHARE = 0.5

# float32 rung and below: a side is worse when its error to the float64 truth is this many times the other's, in the
# root mean square and in the largest error alike, over the given inputs and SIDE_JITTERS changed ones.
SIDE_RATIO = 2.0
SIDE_JITTERS = 6
SIDE_JITTER_SIZE = 2.0**-3

# No side is called worse while its largest error is at most this many units: a sum of a few bfloat16 numbers was seen 2.3
# units off on one side and 0.3 on the other, over seven inputs, in correct ports.
FAR_UNITS = 4.0

# Round-off of the scale, added to both errors before they are divided; unit = eps · largest magnitude of the leaf.
FLOOR_RMS_UNITS = 0.25
FLOOR_PEAK_UNITS = 1.0

# Training: the loss curves may differ by this many times what one ULP in the first parameters makes in one framework.
# Measured on the digits, 500 steps: JAX against PyTorch made 4.8 times what one ULP made; see docs/method.md.
DRIFT_RATIO = 100.0

# When the two sides differ by more than this fraction of the leaf in float64, and as rounding does, the leaf is zero but for
# rounding (the gradient of a bias in front of a softmax): the errors of no side can be measured in units of it.
NO_DIGITS = 1e-3

# The second look of the float64 rung: every input moves by this fraction of itself. Large enough that a term hidden by
# a zero shows far above FLOAT64_EQUAL, small enough to stay in the regime.
LOOK_SIZE = 2.0**-10

# A discrete value is a near tie when the float64 one changes under one of so many moves of so many units of the dtype.
TIE_UNITS = 16.0
TIE_JITTERS = 8
