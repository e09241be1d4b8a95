"""The opinions about a network's gradients: by hand, automatic, compiled, and by complex step.

Everything is in float64, on random images and with random gamma, beta and moving statistics, so
that nothing is degenerate.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from bnstudy.backend.devices import all_reduce, choose, part_of, strategy
from bnstudy.config.schema import Config
from bnstudy.data.dataset import CLASSES
from bnstudy.gradient_check import numpy_network
from bnstudy.manual import softmax_cross_entropy
from bnstudy.model.all_cnn import Model
from bnstudy.model.batch_norm import AXES
from bnstudy.model.gradients import GRADIENTS
from bnstudy.model.layers import Context
from bnstudy.model.noise import Noise

IMAGES, HEIGHT, WIDTH = 5, 12, 8  # all sizes differ; both sides can be halved twice
UPDATES = 40  # of the moving statistics, before this batch
STEP = 1e-30  # of the complex step

Gradients = dict[tuple[str, str], np.ndarray]  # (layer, "dx" or parameter) -> derivative


class Setting(NamedTuple):
    """A network, its parameters, and the batch on which it is checked."""

    config: Config
    model: Model
    images: np.ndarray
    labels: np.ndarray
    context: Context
    network: numpy_network.Network  # the same in NumPy

    @property
    def names(self) -> list[str]:
        """The layers in the order of the forward pass, and the cost."""
        return [*(layer.name for layer in self.model.layers), "cost"]

    def fresh_model(self) -> Model:
        """Return the model as it was: a forward pass in training moves the statistics."""
        self.model.assign(self.network.arrays)
        return self.model


def make_setting(config: Config, random: np.random.Generator, training: bool) -> Setting:
    """Draw parameters, statistics, images and labels."""
    model = Model(config, tf.float64, image_shape=(HEIGHT, WIDTH, 3))
    _randomize(model, config, random)
    count, context = _number_of_images(config), Context(training, config.seed)
    labels = random.integers(CLASSES, size=count)
    bn, variables = config.bn, {**model.parameters, **model.statistics}
    network = numpy_network.Network(
        arrays={name: variable.numpy() for name, variable in variables.items()},
        labels=labels,
        axes=AXES[bn.axes],
        epsilon=bn.epsilon,
        training=training,
        momentum=bn.momentum,
        initial=bn.moving_variance_init if bn.debias else None,
        ghosts=config.ghost_batches(),
        renorm=_renorm(config),
        draws={
            layer.name: [np.array(numbers, np.float64) for numbers in layer.draw(count, context)]
            for layer in model.layers
            if isinstance(layer, Noise)
        },
    )
    images = random.standard_normal((count, HEIGHT, WIDTH, 3))
    return Setting(config, model, images, labels, context, network)


def _renorm(config: Config) -> numpy_network.Renorm | None:
    """Return what batch renormalization adds, its limits open."""
    limits, momentum = config.bn.renorm_clipping, config.bn.renorm_momentum
    return numpy_network.Renorm(limits.rmax, limits.dmax, momentum) if config.bn.renorm else None


def _number_of_images(config: Config) -> int:
    """Return IMAGES, or as many as make at least two ghost batches."""
    ghosts = config.ghost_batches()
    return ghosts * max(2, math.ceil(IMAGES / ghosts)) if ghosts else IMAGES


def _randomize(model: Model, config: Config, random: np.random.Generator) -> None:
    """Make nothing degenerate: gamma not 1, beta not 0, moving statistics as after some steps."""
    left = config.bn.momentum**UPDATES if config.bn.debias else 0.0
    for name, variable in {**model.parameters, **model.statistics}.items():
        which, shape = name.partition("/")[2], variable.shape
        if which == "gamma":
            variable.assign(random.uniform(0.5, 1.5, shape))
        elif which == "beta":
            variable.assign(0.5 * random.standard_normal(shape))
        elif which == "moving_mean":
            variable.assign((1 - left) * 0.5 * random.standard_normal(shape))
        elif which == "moving_variance":
            recent = random.uniform(1, 3, shape)
            variable.assign(left * config.bn.moving_variance_init + (1 - left) * recent)
        elif which == "moving_stddev":
            recent = random.uniform(1, 2, shape)
            variable.assign(left * config.bn.moving_variance_init**0.5 + (1 - left) * recent)
        elif which == "renorm_mean":
            variable.assign(random.standard_normal(shape))
        elif which == "renorm_stddev":
            variable.assign(10 ** random.uniform(-1, 0.5, shape))  # some r are clipped, some not
        elif which == "updates":
            variable.assign(UPDATES)


def automatic(setting: Setting) -> tuple[Gradients, list[np.ndarray]]:
    """Differentiate automatically with respect to every layer's input and parameters.

    Returns:
        The derivatives, and what the layers, the cost and nobody get: the images, all outputs, and
        the cost itself.

    """
    xs, wanted = [tf.constant(setting.images)], {}
    with tf.GradientTape() as tape:
        tape.watch(xs[0])
        for layer in setting.fresh_model().layers:
            wanted[layer.name, "dx"] = xs[-1]
            wanted |= {(layer.name, name): w for name, w in layer.parameters.items()}
            xs.append(layer.forward(xs[-1], setting.context)[0])
        wanted["cost", "dx"] = xs[-1]
        cost, _ = softmax_cross_entropy.forward(xs[-1], setting.labels)
    gradients = tape.gradient(cost, list(wanted.values()), unconnected_gradients="zero")
    arrays = {key: dw.numpy() for key, dw in zip(wanted, gradients, strict=True)}
    return arrays, [x.numpy() for x in [*xs, cost]]


def by_hand(setting: Setting, right: Gradients) -> tuple[Gradients, Gradients]:
    """Run the hand-written backward pass: as a whole, and layer by layer.

    Args:
        setting: the network.
        right: what each layer is given as dy when it is checked alone.

    Returns:
        The gradients of the whole, as far as shapes allow to compute them, and those of each layer
        alone.

    """
    model, x, caches = setting.fresh_model(), tf.constant(setting.images), []
    for layer in model.layers:
        x, cache = layer.forward(x, setting.context)
        caches.append(cache)
    _, cache = softmax_cross_entropy.forward(x, setting.labels)
    dy = model.derivatives.softmax_cross_entropy(1.0, cache)
    whole, after = {("cost", "dx"): dy.numpy()}, "cost"
    alone = dict(whole)
    for layer, cache in zip(reversed(model.layers), reversed(caches), strict=True):
        right_dy = right[after, "dx"]
        alone |= named_gradients(layer, layer.backward(tf.constant(right_dy), cache))
        if (before := whole.get((after, "dx"))) is not None and before.shape == right_dy.shape:
            whole |= named_gradients(layer, layer.backward(tf.constant(before), cache))
        after = layer.name
    return whole, alone


def statistics(setting: Setting) -> dict[str, np.ndarray]:
    """Return what the moving statistics of the model are now."""
    return {name: variable.numpy() for name, variable in setting.model.statistics.items()}


def named_gradients(layer: Any, gradients: tuple[tf.Tensor, list[tf.Tensor]]) -> Gradients:
    """Name what a layer's backward pass returns."""
    dx, dparameters = gradients
    named = dict(zip(layer.parameters, dparameters, strict=True))
    return {(layer.name, name): value.numpy() for name, value in {"dx": dx, **named}.items()}


def compiled(setting: Setting) -> Gradients:
    """Return the gradients of the parameters as the compiled step of a run computes them.

    As in a run, the number of images is not known when it is compiled.
    """
    model, devices = setting.fresh_model(), setting.config.training.devices
    batch = (
        tf.TensorSpec([None, HEIGHT, WIDTH, 3], tf.float64),
        tf.TensorSpec([None], tf.int64),
    )

    def one(images, labels):
        return _gradients(setting, model, images, labels, None)

    whole = one if devices == 1 else _on_devices(setting, choose(devices))
    step = tf.function(whole, input_signature=batch, autograph=False)
    gradients = step(tf.constant(setting.images), tf.constant(setting.labels))
    keys = [tuple(name.split("/", 1)) for name in model.parameters]
    return {(layer, name): dw.numpy() for (layer, name), dw in zip(keys, gradients, strict=True)}


def _gradients(setting, model, images, labels, dcost):
    """Differentiate as the configured run does; dcost is the weight of the images in the cost."""
    training, gradients = setting.context.training, setting.config.training.gradients
    if gradients == "as_posted":
        dcost = None  # the author's derivative is not divided by the number of images
    _, _, found = GRADIENTS[gradients](model, images, labels, dcost=dcost, training=training)
    return found


def _on_devices(setting: Setting, names: Sequence[str]) -> Callable:
    """Return a step whose images are divided among devices, and whose gradients are summed."""
    first = setting.model
    models = [first]
    for name in names[1:]:
        with tf.device(name):
            model = Model(setting.config, first.dtype, first.compute_dtype, (HEIGHT, WIDTH, 3))
            model.assign(setting.network.arrays)
            models.append(model)

    def on_replica(images, labels):
        number = tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)
        part = part_of(images, number, len(names), copies=1)
        weight = tf.cast(tf.shape(part)[0] / tf.shape(images)[0], first.dtype)
        labels = part_of(labels, number, len(names), copies=1)
        return all_reduce(*_gradients(setting, models[number], part, labels, weight))

    def step(images, labels):
        together = strategy(*names)
        results = together.run(on_replica, args=(images, labels))
        return [together.experimental_local_results(total)[0] for total in results]

    return step


def complex_step(
    setting: Setting,
    names: Sequence[str],
    x: np.ndarray,
    tensor: str,
    direction: np.ndarray,
    dy: np.ndarray | float = 1.0,
) -> float:
    """Differentiate some layers of the NumPy network along a direction of one tensor.

    Args:
        setting: the network.
        names: of the layers, from the one that has the tensor.
        x: what the first of them gets.
        tensor: "dx", or a parameter of the first of them.
        direction: of the shape of the tensor.
        dy: weights of the outputs of the last of them.

    Returns:
        The derivative of sum(dy y).

    """
    network, step = setting.network, 1j * STEP * direction
    if tensor == "dx":
        x = x + step
    else:
        key = f"{names[0]}/{tensor}"
        network = network._replace(arrays={**network.arrays, key: network.arrays[key] + step})
    y = numpy_network.apply_layers(names, x, network)
    return float(np.sum(dy * y).imag / STEP)
