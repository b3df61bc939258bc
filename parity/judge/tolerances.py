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
# Below this it is a different definition, whatever else is measured; between the two, noise and conditioning are looked at too.
RATIO_OF_DEFINITIONS = 2e4
# ... at changed inputs. Of correct ports with saturated softmaxes, 3 and 5 of 11 inputs had ratios of 2e6 to 1e10, the others
# 3e4 to 5e5; the ratio of a definition does not change so.
RATIO_SHARE = 0.2

# A difference below this many units of a lower precision may be a step in that precision (INTERNAL_PRECISION); it is
# one only if it also behaves as noise: see NOISE_SHARE. Measured in the catalogue of planted faults: hidden float32 steps
# make 0.03 to 2 units, hidden bfloat16 steps 0.5 to 2.
NOISE_UNITS = {"float32": 1e3, "bfloat16": 16.0}

# ... and no less than this many: softplus that is linear above 20 differs by 3e-11 and, steep there, looks like noise.
NOISE_LEAST_UNITS = 1e-3

# The inputs are moved so many times by this fraction of themselves, for each precision whose noise is looked for, and
# NOISE_SHARE of the difference must be new. Independent noise gives 1.0, a smooth difference the size of the move. The move for
# float64 is 4096 of its units, and 1e-5 of a unit of float32: a step in float32 rounds to the same numbers.
NOISE_MOVES = {"float64": 2.0**-40, "float32": 2.0**-12, "bfloat16": 2.0**-5}
NOISE_JITTERS = 5
NOISE_SHARE = 0.5
# For float64 more: where one of two ties breaks and the other, of zeros, does not, 0.58 is new.
FLOAT64_NOISE_SHARE = 0.7
# A difference that shrinks below this fraction of itself after the move was at a tie, a kink or a bound, and is no noise. An
# element that shrinks or grows so much by itself is left out of the share: 0.06 of normal draws do (4 / π · arctan of it).
NOISE_PERSISTS = 0.05
# One that grows by more than this was hidden by the inputs (weights of one, say), and is no noise either.
NOISE_GROWS = 4.0

# A step of a lower precision than was asked for counts only if it moves the result by this many units of that precision. Hidden
# steps of the catalogue of planted faults move it by 0.03 to 2; what moves it by less comes from other steps.
PINNED_LEAST_UNITS = 1e-3

# A difference in float64 of at most so many times what a unit of its dtype in an array that a side holds makes, is that of a
# rounded table. A choice between a table rounded once, which makes one half, and what passes: RoFormer, XGLM, Pegasus, Llama and
# Gemma do (tests/models).
TABLE_FACTOR = 4.0

# The definition of a lifted function rests on float32 if it is further than this from its own float32 run; there both sides may
# differ by LEANS_UNITS, which is a choice. Measured: 1.4e-7 to 4.4e-7 in five transformers, 0.49 where a mask rests on float32.
LEANS = 1e-3
LEANS_UNITS = 64.0

# A difference in float64 up to here may be that of a special function whose kernel is no better, and is if it is at most
# KERNEL_FACTOR times the kernel's own error, measured by mpmath. Seen: trigamma 4.9e-10, hardsigmoid 3e-8 in torch.
KERNEL_MOST = 1e-7
KERNEL_FACTOR = 16.0

# float32 rung and below: a side is worse when its error to the float64 truth is this many times the other's, in the
# root mean square and in the largest error alike, over the given inputs and SIDE_JITTERS changed ones.
SIDE_RATIO = 2.0
SIDE_JITTERS = 10
# It must be so in this share of the inputs: the error of a single number (a loss) is 2 times the other side's often enough, but
# seldom on the same side (seen in correct ports: 22 times on one input, in turn on either side).
SIDE_SHARE = 0.75
# The inputs move by the larger of these: enough that every rounding is drawn anew, too little to leave the regime.
SIDE_JITTER_SIZE = 2.0**-10
SIDE_JITTER_UNITS = 8.0

# No side is called worse while its largest error is at most this many units: a sum of a few bfloat16 numbers was seen 2.3
# units off on one side and 0.3 on the other, over seven inputs, in correct ports.
FAR_UNITS = 4.0

# Where the near side itself is further off than that, both amplify rounding, by factors that a reordering changes: of correct
# ports (layer norm on inputs around 100, Kullback-Leibler divergence of near-equal distributions, causal attention) one was seen
# up to 5 times the other. Arithmetic that is truly worse (E[x²] - E[x]² for a variance) was 320 to 1200 times.
FAR_SIDE_RATIO = 10.0
# No side is called worse for an error that this many units of the dtype in the inputs make of the float64 truth, times a factor:
# E[x²] - E[x]² makes 60 times what 4 units make, a bfloat16 softmax of logits of 1e4 no more than they do.
EXCUSE_UNITS = 4.0
# ... unless the other side is no further off than this. Near a root, seen: 0.41 units against 2.95e6 (log gamma at 2), 0.39
# against 839 (log 3x - log 3 at 1), 0.26 against 9,820 (a sine at π).
ACCURATE_UNITS = 1.0
# ... or unless the other side is so many times nearer on most inputs: between 5 times, the most that correct ports were seen
# apart, and 320, the least that worse arithmetic was (above). In float32 alone: with bfloat16 logits of 1e4 one side is 100
# times nearer because it works in float32 inside.
BETTER_RATIO = 32.0
EXCUSE_MOVES = 3
EXCUSE_FACTOR = 4.0
# Neither side has a digit of a leaf right when the nearer one is off by more than this share of its largest magnitude.
NO_DIGIT_LEFT = 0.25

# Round-off of the scale, added to both errors before they are divided; unit = eps · largest magnitude of the leaf.
FLOOR_RMS_UNITS = 0.25
FLOOR_PEAK_UNITS = 1.0

# Training: the loss curves may differ by this many times what one ULP in the first parameters makes in one framework.
# Measured on the digits, 500 steps: JAX against PyTorch made 4.8 times what one ULP made; see docs/method.md.
DRIFT_RATIO = 100.0
# Training learned something when the mean of the last ten losses is below this fraction of the first. Measured on the digits,
# 500 steps, three seeds: 0.008 to 0.012.
LEARNED = 0.5
# Least share of the held-out images that each side has to classify correctly after training, and how many images the two may
# differ by. Measured on the digits, 500 steps, three seeds: 346, 346 and 342 of 360 (95.0 to 96.1 %), both sides alike.
LEAST_ACCURACY = 0.95
IMAGES_APART = 1

# When the two sides differ by more than this fraction of the leaf in float64, and as rounding does, the leaf is zero but for
# rounding (the gradient of a bias in front of a softmax): the errors of no side can be measured in units of it.
NO_DIGITS = 1e-3

# The second look of the float64 rung: every input moves by this fraction of itself. Large enough that a term hidden by
# a zero shows far above FLOAT64_EQUAL, small enough to stay in the regime.
LOOK_SIZE = 2.0**-10

# Vacuity: a gradient of zeros is right only if no output notices when this input alone changes by this fraction of itself.
# Half its size moves every function of the catalogue that depends on it at all.
DEPENDENCE_CHANGE = 0.5
# A gradient of zeros is right where the outputs change in jumps alone (floor, one-hot). What follows are choices. One input moves
# by each of JUMP_MOVES in so many directions. Between the nearest two nothing may change: they are above the rounding of float64,
# and nearer than a tie is to the float32 number next to it. Beyond them nothing may but by more than JUMP_LEAST_UNITS of float64:
# a smooth change of so much would show a 256th of it, two units, one step nearer.
JUMP_MOVES = (2.0**-44, 2.0**-36, 2.0**-28, 2.0**-20)
JUMP_RAYS = 2
JUMP_LEAST_UNITS = 512.0
# A saturated function is constant as well: both gradients have to agree after so many changes by DEPENDENCE_CHANGE, and with
# the input multiplied by DEPENDENCE_SHRINK, which brings a softmax of logits of a thousand back to numbers.
DEPENDENCE_CHANGES = 2
DEPENDENCE_SHRINK = 2.0**-10

# A discrete value is a near tie when the float64 one changes under one of so many moves of so many units of the dtype.
TIE_UNITS = 16.0
TIE_JITTERS = 8

# Conditioning: inputs move by this fraction of themselves, a few units in the last place of float64, and the sides may differ by
# CONDITION_FACTOR times what that makes. Measured on correct ports of attention, inputs spread over six decades: 7.9e-11 between
# the sides, since one divides by √3 and the other multiplies by 1/√3, against 1e-10 made by the move.
CONDITION_MOVE = 2.0**-50
CONDITION_FACTOR = 16.0
# A second move is so many times as large, and the result has to move so many times as far.
CONDITION_STEP = 64.0
# An element that moves less than this many times as far jumps. A choice between one, a jump, and CONDITION_STEP.
CONDITION_GROWS = 4.0

# A side is unsteady where moves by CONDITION_MOVE, drawn so many times, change its float64 answer by the difference between the
# sides divided by UNSTEADY_FACTOR at least, and the other side's by less than that divided by SIDE_RATIO. Measured on torch's
# fused attention (inputs of six decades, AVX-512): differences of 1.1e-11, 3.1e-8 and 1.1e-7 of the leaf, moves of 0.4 to 3.5
# times as much, the same under moves 16,384 times as large, and 1.7e-15 at most on the other side.
UNSTEADY_MOVES = 4
UNSTEADY_FACTOR = 8.0

# A side that differs from itself is run so many times more before it is called rounding: of two runs of `x * (2 + random())`,
# whose draw no mode sees, a share of 0.14 is as near as a move by a few units (simulated, a million pairs).
REPEATS = 4

# A cause is claimed only if its edit takes the difference to rounding: below CAUSE_FLOOR of the leaf's largest magnitude, and
# by the factor CAUSE_FALL at least. Correct ports agree to 1e-12, the weakest planted fault shows 5e-6. Measured on
# 32 faults: 4.8e-11 at most, and 3e-5 of what it was, where a cause was found; 1e-8 at least after every other edit.
CAUSE_FLOOR = 1e-10
CAUSE_FALL = 1e-4
# Among explanations of as many leaves, those whose remainder is at the floor of float64 come first: the
# edits that are right leave 1.5e-15 at most on 18 pairs of ports, solved numbers of many digits up to 4.8e-11.
CAUSE_EXACT = 1e-13

# Causes are found on the traced program of a side, which speaks for a leaf only if it gives what the function gives. Measured:
# 5.5e-15 at most on 2238 leaves of the catalogue, 5.1e-16 on 62 leaves of the complex functions of tests/judge/test_complex.py
# and of rope_attention; 4e-4 with a custom gradient rule.
CAUSE_FAITHFUL = 1e-11
# A leaf that differs by less is not explained: the weakest planted fault shows 5e-6, rounding at most 1e-12.
CAUSE_DIFFERS = 1e-11
# A leaf that agreed before may be off by so many times its old error with the edit, or by CAUSE_FLOOR. Measured: 7e-16 at most.
CAUSE_SPOILS = 10.0
# A cause has to hold on other inputs too: the given ones, changed by this fraction of themselves, which no coincidence follows.
CAUSE_AGAIN = 2.0**-3
# Two numbers in programs, or a number and what it may be made of (a size, a root, a ratio), are one if they differ by this
# fraction of themselves, or by CAUSE_NUMBER_AT_ZERO beside 0. Measured on 64 solved numbers: those with a short true value are
# 5.5e-8 off at most and mostly 1e-11; the others are 1.06e-7 and more away from any number of five digits.
CAUSE_NUMBER = 1e-7
CAUSE_NUMBER_AT_ZERO = 1e-9
# A stretch of a program is a known activation if its values on the given inputs are those of the function. The nearest two that
# the catalogue tells apart, both forms of gelu, differ by 5e-4.
CAUSE_ACTIVATION_RTOL = 1e-9
CAUSE_ACTIVATION_ATOL = 1e-13
# Gradients that differ on ties and bounds agree once every input has moved by this share of its largest magnitude.
CAUSE_TIE_MOVE = 2.0**-20

# Checkpointing has to lower the peak memory by at least this share of what is kept less for the backward pass: the peak also
# holds the gradients, and what one layer makes while it is computed again. Measured: 0.98 to 1.01 in JAX, 0.56 to 0.8 in torch.
PEAK_FALLS_BY = 0.3
