"""Print how far each definition of docs/definitions.md is from the library that it equals.

python experiments/definitions/libraries.py

Sixty steps in float64: the largest deviation, and beside it the distance of the other definitions
from that library, without which agreement would say nothing. Keras runs here; the trajectories of
PyTorch and optax are golden files, which name the scripts and the versions that made them.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from measure import pytorch_momentum, steps

from bnstudy.manual import adam, amsgrad, sgd
from bnstudy.manual.batch_norm import debias, update_moving

TESTS = Path(__file__).parents[2] / "tests"
OPTIMIZERS = json.loads((TESTS / "manual/golden_optimizers.json").read_text())
GOLDEN = json.loads((TESTS / "experiments/definitions/golden.json").read_text())
START, GRADIENTS = np.array(OPTIMIZERS["start"]), np.array(OPTIMIZERS["gradients"])
BATCHES = np.array(GOLDEN["batches"])  # [steps, 6, 3]
COUNT = BATCHES.shape[1]
# Keras keeps its settings in float32, so that only binary fractions reach it unrounded.
FRACTIONS = {"learning_rate": 2**-5, "beta_1": 0.875, "beta_2": 0.96875, "epsilon": 2**-7}
BINARY_RATES = [2**-4] * 20 + [2**-7] * 20 + [2**-8] * 20


class Comparison(NamedTuple):
    """One definition, the library that it equals, and how far the others are from it."""

    definition: str
    library: str
    deviation: float
    others: float


def weights(rule, variant: str | None = None, rates=None, **settings) -> np.ndarray:
    """Return our weights after each step."""
    settings = {"variant": variant, **settings} if variant else dict(settings)
    rates = settings.pop("learning_rate") if rates is None else rates
    return START - steps(rule, GRADIENTS, rates, **settings).cumsum(axis=0)


def keras_weights(optimizer, rates=None) -> np.ndarray:
    """Return the weights of a Keras optimizer after each step."""
    w, after = keras.Variable(START, dtype="float64"), []
    optimizer.build([w])
    for index, g in enumerate(GRADIENTS):
        if rates:
            optimizer.learning_rate = rates[index]
        optimizer.apply([tf.constant(g)])
        after.append(w.numpy())
    return np.array(after)


def compare(definition: str, library: str, theirs, ours: dict[str, np.ndarray]) -> Comparison:
    """Compare all definitions with a library: the first is the one that it should equal."""
    first, *others = [float(np.abs(values - np.array(theirs)).max()) for values in ours.values()]
    return Comparison(definition, library, first, min(others))


def adaptive_comparisons() -> list[Comparison]:
    """Compare the variants of AMSGrad and Adam; v falls, so that the maximum binds."""

    def variants(rule, settings):
        return {v: weights(rule, v, **settings) for v in rule.VARIANTS}

    def comparison(definition, library, theirs, rule, variant, settings):
        ours = variants(rule, settings)
        ours = {variant: ours.pop(variant), **ours}
        return compare(definition, library, theirs, ours)

    large, tiny = (OPTIMIZERS["settings"][f"{size}_epsilon"] for size in ("large", "tiny"))
    run = keras_weights(keras.optimizers.Adam(amsgrad=True, **FRACTIONS))
    plain = keras_weights(keras.optimizers.Adam(**FRACTIONS))
    golden = OPTIMIZERS.__getitem__
    rows: list[tuple] = [
        (
            "AMSGrad, the paper's",
            "optax, both corrections off",
            golden("optax amsgrad_uncorrected large_epsilon"),
            amsgrad,
            "paper",
            large,
        ),
        ("AMSGrad, Keras's", "Keras", run, amsgrad, "keras", FRACTIONS),
        (
            "AMSGrad, Keras's",
            "PyTorch, where epsilon is 1e-30",
            golden("torch amsgrad tiny_epsilon"),
            amsgrad,
            "keras",
            tiny,
        ),
        (
            "AMSGrad, optax's",
            "optax",
            golden("optax amsgrad large_epsilon"),
            amsgrad,
            "optax",
            large,
        ),
        (
            "Adam, the paper's epsilon",
            "PyTorch",
            golden("torch adam large_epsilon"),
            adam,
            "paper",
            large,
        ),
        (
            "Adam, the paper's epsilon",
            "optax",
            golden("optax adam large_epsilon"),
            adam,
            "paper",
            large,
        ),
        ("Adam, epsilon hat", "Keras", plain, adam, "keras", FRACTIONS),
    ]
    return [comparison(*row) for row in rows]


def momentum_comparisons() -> list[Comparison]:
    """Compare the two momenta; the learning rate falls twice."""

    def both(rates, momentum):
        ours = weights(sgd, rates=rates, momentum=momentum)
        return ours, START - pytorch_momentum(GRADIENTS, rates, momentum).cumsum(axis=0)

    ours, other = both(GOLDEN["rates"], GOLDEN["momentum"])
    binary, other_binary = both(BINARY_RATES, 0.875)
    run = keras_weights(keras.optimizers.SGD(BINARY_RATES[0], momentum=0.875), BINARY_RATES)
    pair = {"PyTorch's": other, "Keras's": ours}
    return [
        compare("Momentum, Keras's", "Keras", run, {"Keras's": binary, "PyTorch's": other_binary}),
        compare("Momentum, PyTorch's", "PyTorch", GOLDEN["torch momentum"], pair),
        compare("Momentum, PyTorch's", "optax", GOLDEN["optax momentum"], pair),
    ]


def averages(batches: np.ndarray, initial: float, momentum: float, corrected=False) -> np.ndarray:
    """Return our moving average after each batch."""
    moving, values = tf.fill([batches.shape[1]], tf.constant(initial, tf.float64)), []
    for count, batch in enumerate(batches, start=1):
        moving = update_moving(moving, tf.constant(batch), momentum)
        seen = tf.constant(count, tf.int64)
        values.append((debias(moving, initial, momentum, seen) if corrected else moving).numpy())
    return np.array(values)


def keras_moving_variance(initial: float) -> np.ndarray:
    """Train keras.layers.BatchNormalization; return its moving variance after each batch."""
    start = keras.initializers.Constant(initial)
    layer = keras.layers.BatchNormalization(
        momentum=0.875, moving_variance_initializer=start, dtype="float64"
    )
    values = []
    for x in BATCHES:
        layer(tf.constant(x), training=True)
        values.append(layer.moving_variance.numpy())
    return np.array(values)


def moving_average_comparisons() -> list[Comparison]:
    """Compare the moving averages; the batches have six rows, so that Bessel's factor is 1.2."""
    biased = BATCHES.var(axis=1)
    bessel, decay = biased * COUNT / (COUNT - 1), GOLDEN["decay"]

    def of(start, batches=biased, momentum=0.875, corrected=False) -> Callable:
        return lambda: averages(batches, start, momentum, corrected)

    rows: list[tuple] = [
        ("Moving variance, biased", "Keras", keras_moving_variance(1.0), of(1.0), of(1.0, bessel)),
        (
            "Moving variance, Bessel's",
            "PyTorch",
            GOLDEN["torch running variance"],
            of(1.0, bessel, GOLDEN["momentum"]),
            of(1.0, biased, GOLDEN["momentum"]),
        ),
        ("Moving variance from 1", "Keras", keras_moving_variance(1.0), of(1.0), of(0.0)),
        ("Moving variance from 0", "Keras, told so", keras_moving_variance(0.0), of(0.0), of(1.0)),
        (
            "Moving average, raw",
            "optax",
            GOLDEN["optax average"],
            of(0.0, biased, decay),
            of(0.0, biased, decay, True),
        ),
        (
            "Moving average, corrected",
            "optax",
            GOLDEN["optax average, corrected"],
            of(0.0, biased, decay, True),
            of(0.0, biased, decay),
        ),
        (
            "Weight of the old value",
            "Keras",
            keras_moving_variance(1.0),
            of(1.0),
            of(1.0, biased, 0.125),
        ),
        (
            "Weight of the new value",
            "PyTorch",
            GOLDEN["torch running variance"],
            of(1.0, bessel, GOLDEN["momentum"]),
            of(1.0, bessel, 1 - GOLDEN["momentum"]),
        ),
    ]
    return [
        compare(name, library, theirs, {"ours": ours(), "other": other()})
        for name, library, theirs, ours, other in rows
    ]


def comparisons() -> list[Comparison]:
    """Return all comparisons, in the order of the page."""
    return adaptive_comparisons() + momentum_comparisons() + moving_average_comparisons()


if __name__ == "__main__":
    for row in comparisons():
        print(f"{row.definition} = {row.library}: {row.deviation:.1e} (others {row.others:.1e})")
