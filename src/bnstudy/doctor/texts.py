"""What each kind of finding means: a title, why it matters, and what to do."""

from typing import NamedTuple


class Text(NamedTuple):
    """Of one kind of finding."""

    title: str
    why: str
    todo: str


RECOMPUTE = "--fix-statistics writes the model with precise statistics"

TEXTS = {
    "non_finite": Text(
        "statistics that are not valid numbers",
        "inference divides by the square root of the variance; one such channel spoils all outputs",
        "find the batch that did it (a NaN, an image out of range, a diverged step); "
        f"if the weights are sound, {RECOMPUTE}",
    ),
    "never_updated": Text(
        "statistics that were never updated",
        "inference normalizes with the start values, 0 and 1, which say nothing about the data",
        "train with training=True (in a loop of your own, pass it to the model), or, where the "
        f"weights are trained, {RECOMPUTE}",
    ),
    "frozen_early": Text(
        "frozen before its statistics were ever updated",
        "a frozen batch norm uses its moving statistics in training too; these are the start "
        "values, so it normalizes nothing",
        "load the trained weights before you freeze it, or let it train",
    ),
    "frozen_elsewhere": Text(
        "frozen with the statistics of other data",
        "a frozen batch norm uses its moving statistics in training and inference alike; they are "
        "not those of these images. The layers after it may have adapted to that",
        "compare the accuracies: where precise statistics are better, unfreeze it or recompute "
        "them; where they are worse, leave it",
    ),
    "opposite_momentum": Text(
        "momentum in the opposite sense",
        "Keras's momentum weights the old value, PyTorch's the new one: the last batch alone "
        "nearly decides how every image is normalized",
        "set 1 - momentum",
    ),
    "long_memory": Text(
        "a memory too long for the training",
        "the moving average still holds its start values, or statistics from when the network "
        "changed quickly; the final weights were never trained with such statistics",
        f"a smaller momentum (0.9) or more steps; for this model, {RECOMPUTE}",
    ),
    "short_memory": Text(
        "a memory too short for the batch",
        "the moving average covers so few images that it is as noisy as they are",
        f"a larger momentum or larger batches; for this model, {RECOMPUTE}",
    ),
    "small_batch": Text(
        "batches of very few images",
        "the moving variance averages the variance within batches, which leaves out what differs "
        "between them, and the noise of such small batches was part of the training",
        "larger batches, or GroupNormalization, which needs none",
    ),
    "one_value": Text(
        "statistics over one value",
        "with one image a batch and one value a channel, each value is its own mean and the "
        "variance is 0: in training the layer returned beta, whatever the image",
        "more than one image a batch, or LayerNormalization",
    ),
    "dropout": Text(
        "batch norm after dropout",
        "dropout adds variance in training only; the moving variance includes it, but inference "
        "has none (Li et al. 2018)",
        f"move the dropout after the last batch norm; for a trained model, {RECOMPUTE}",
    ),
    "far": Text(
        "statistics far from those of the data",
        "inference then shifts and scales each channel, and the next layer gets inputs that it was "
        "not trained for",
        "make sure that the images are prepared as in training (range, mean, order of the colors); "
        f"if they are, {RECOMPUTE}",
    ),
    "accuracy": Text(
        "accuracy lost to the moving statistics",
        "the same weights do better when each batch norm has the statistics of these images",
        f"mend what is wrong with the statistics below, or {RECOMPUTE}",
    ),
    "outputs": Text(
        "outputs that depend on which statistics are used",
        "the moving statistics and those of these images lead to different answers",
        "with labels the doctor could say which answers are better; see also below",
    ),
    "precise_worse": Text(
        "precise statistics are worse",
        "the weights have adapted to the moving statistics, or the images are not like those "
        "of the training",
        "leave the statistics as they are",
    ),
    "needs_itself": Text(
        "trained in batches of one image",
        "each image was normalized by its own statistics; inference uses those of all images",
        "larger batches, or a layer that normalizes each image by itself, such as "
        "GroupNormalization",
    ),
    "always_training": Text(
        "training=True is part of the model",
        "model(images) uses the statistics of whatever images are in the batch, and changes the "
        "moving statistics each time; in Keras 3, predict and evaluate of a functional model "
        "override it, and give other answers",
        "build the model without training=True",
    ),
    "overridden": Text(
        "training=False is part of the model, but fit overrides it",
        "Keras 3 passes fit's training=True to every layer of a functional model, so fine-tuning "
        "changes the statistics that were meant to stay",
        "freeze it: layer.trainable = False, which for batch norm also means inference mode",
    ),
    "thawed": Text(
        "batch norm trains while the layer before it is frozen",
        "fine-tuning then replaces the statistics that the frozen weights were trained with",
        "freeze it, too, or call the frozen part with training=False",
    ),
    "wrong_axis": Text(
        "statistics along the wrong axis",
        "it normalizes rows of the image instead of the channels of the layer before it",
        "axis=-1 where channels are last, axis=1 where they are first",
    ),
    "epsilon": Text(
        "variances below epsilon",
        "epsilon, and not the data, decides the scale of what leaves the layer",
        "scale the inputs to a variance near 1 (were they divided by 255 twice?), or use a smaller "
        "epsilon",
    ),
    "constant": Text(
        "constant channels",
        "they carry no information, and any other value there would be multiplied by "
        "1/sqrt(epsilon)",
        "usually nothing: a dead unit, or a pixel that is always black; many waste the layer",
    ),
    "dead_gamma": Text(
        "dead gammas",
        "gamma is the standard deviation of what leaves the channel; at zero it is a constant",
        "less weight decay on gamma; or remove these channels, which makes the network smaller",
    ),
    "bias": Text(
        "a bias before batch norm",
        "batch norm subtracts it again with the mean, so it does nothing",
        "use_bias=False in the layer before",
    ),
}
