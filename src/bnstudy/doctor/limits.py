"""The thresholds of the doctor, each with its reason.

"Measured" are 26 models that were trained on digits and judged on 360 images that they had not
seen: convolutional, dense and residual, two seeds, batches of 8, 32 and 128. For the 12 with a
momentum of 0.9, the moving average's memory suits the 264 to 1,074 steps of their training;
docs/doctor.md has their figures. No threshold was chosen by the models of the tests.
"""

# Precise statistics of few images are noisy, and change answers of healthy models: in 24 draws of
# 32 images, up to 12 % of the answers, in 24 draws of 64, up to 6 %. (See OTHER_CLASS.)
FEWEST_IMAGES = 64

# Distance of the moving statistics from those of the data, root mean square over the channels: of
# the means in standard deviations, of the standard deviations in powers of two. Measured with a
# memory that suits the training: at most 0.13 and 0.14. WORTH_A_LOOK is nearly twice that; it
# needs a second sign: a known cause, or outputs that differ. FAR needs none: half a standard
# deviation or a factor of 1.4, in the average channel; with a memory somewhat too long (momentum
# 0.99, 1,074 steps), the distances were at most 0.25. What dropout adds to the standard deviation
# in training is such a distance, too: a finding if it is FAR, else a hint.
WORTH_A_LOOK = 0.25
FAR = 0.5

# Outputs. With labels: two points of accuracy that chance would explain once in a thousand times
# (an exact test of the images on which two ways to normalize disagree). Without: the share of
# images that change class, measured at most 0.025 where the memory suits; or, where the outputs are
# not classes, the root mean square of the change, in standard deviations of the outputs.
POINTS = 0.02
CHANCE = 1e-3
OTHER_CLASS = 0.1
OTHER_OUTPUT = 0.25

# The share of the start values that is left in the moving statistics, as a fit over the channels
# finds it, and how much of the distance it must explain to be called the cause. (Momentum 0.99
# leaves 0.070 after 264 steps and 0.036 after 330: the fit found 0.073 to 0.076 and 0.032 to 0.035,
# and explained 0.84 to 0.92.)
START_LEFT = 0.02
EXPLAINED = 0.5
# Of the steps trained, those that the moving average remembers, 1 / (1 - momentum). Beyond a tenth
# the weights have visibly changed meanwhile: 100 of 440 steps cost two networks 21 and 26 points of
# accuracy, 100 of 1,074 steps cost four networks one to five.
REMEMBERED = 0.1

# A momentum in Keras's sense weights the old value, in PyTorch's the new one. Below one half, a
# single batch outweighs all before it, which nobody wants of a moving average.
OPPOSITE_MOMENTUM = 0.5

# The moving average has the noise of (1 + momentum) / (1 - momentum) batches: 19 for 0.9, which the
# healthy models do with, and 199 for 0.99. Half of the former is few.
FEW_BATCHES = 10

# The size of the batches in training, as the moving variance shows it (it lacks the variance of the
# batches' means). Measured: 6.9 to 8.6 for batches of 8.
SMALL_BATCH = 3

# A channel with a variance below epsilon leaves with a standard deviation below 0.71. A few such
# channels are usual (a corner of the image that is always black); of half of them, see HALF.
HALF = 0.5
# A channel is constant if its standard deviation is within rounding of its mean in float32.
ROUNDING = 1e-6

# Gamma is the standard deviation of what leaves the layer. It starts at 1; measured at least 0.68.
DEAD_GAMMA = 0.01
