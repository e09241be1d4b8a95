"""Our batch norms and their relatives against the very function of the post, over 100 steps.

`tf.compat.v1.layers.batch_normalization` comes with tf_keras and runs in a process of its own, with
statistics per channel (axis=-1) and per activation (axis=[1, 2, 3]). Where it is made of
TensorFlow's operations, all is equal. Per channel in float32, as in the post, it is the fused
kernel, which differs in one thing: it averages Bessel's variance, m / (m - 1) times the biased one,
into the moving variance. Ghost batches and renormalization are never fused; renormalization fails
in float64 there.
"""

import importlib.util
import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers import config

from bnstudy.model.batch_norm import AXES, BatchNorm, KerasBatchNorm
from bnstudy.model.batch_renorm import BatchRenorm
from bnstudy.model.layers import Context

STEPS, SHAPE, MOMENTUM, EPSILON = 100, (4, 3, 2, 5), 0.875, 0.015625
M = SHAPE[0] * SHAPE[1] * SHAPE[2]  # values that share a statistic of a channel
AXIS = {"channel": [-1], "activation": [1, 2, 3]}  # as the post's function names them
CASES = {"b": KerasBatchNorm, "c": BatchNorm}
NAMES = ("y", "dx", "dgamma", "dbeta", "moving_mean", "moving_variance", "inference")
# Of the largest deviation, relative to the largest value.
LIMITS = {"float64": 1e-14, "float32": 2e-6}

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(
        importlib.util.find_spec("tf_keras") is None,
        reason="tf_keras is not installed, and with it tf.compat.v1.layers",
    ),
]


def inputs(dtype, statistics) -> dict[str, np.ndarray]:
    random = np.random.default_rng(2018)
    x, dy = random.standard_normal((2, STEPS, *SHAPE))
    x = x * (2 + np.sin(np.arange(STEPS)))[:, None, None, None, None] + np.arange(SHAPE[-1])
    gamma, beta = random.standard_normal((2, *(SHAPE[axis] for axis in AXIS[statistics])))
    values = {"x": x, "dy": dy, "gamma": gamma + 2, "beta": beta}
    return {name: value.astype(dtype) for name, value in values.items()}


RELATIVES = {  # precision, our configuration, the function's arguments
    "ghost batches": ("float64", {"virtual_batch_size": 2}, {"virtual_batch_size": 2}),
    "ghosts of one": ("float64", {"virtual_batch_size": 1}, {"virtual_batch_size": 1}),
    "renormalization": (
        "float32",
        {"renorm": True, "renorm_momentum": 0.75, "renorm_clipping": {"rmax": 1.5, "dmax": 0.5}},
        {
            "renorm": True,
            "renorm_momentum": 0.75,
            "renorm_clipping": {"rmax": 1.5, "rmin": 1 / 1.5, "dmax": 0.5},
        },
    ),
}
PAIRS = [  # one image alone has no variance per activation
    pair for pair in product(RELATIVES, AXIS) if pair != ("ghosts of one", "activation")
]
PRECISIONS = list(product(LIMITS, AXIS))


@pytest.fixture(scope="module")
def post(tmp_path_factory):
    """What the post's function computes, with what it was given; all in one process."""
    arguments = {(dtype, axes): (dtype, axes, {}) for dtype, axes in PRECISIONS}
    arguments |= {
        (name, axes): (RELATIVES[name][0], axes, RELATIVES[name][2]) for name, axes in PAIRS
    }
    folders, given = {}, {}
    for key, (dtype, statistics, options) in arguments.items():
        folders[key], given[key] = tmp_path_factory.mktemp("post"), inputs(dtype, statistics)
        fixed = {"momentum": MOMENTUM, "epsilon": EPSILON, "axis": AXIS[statistics]}
        np.savez(folders[key] / "in.npz", **fixed, options=json.dumps(options), **given[key])
    script = Path(__file__).with_name("legacy_batch_norm.py")
    ended = subprocess.run(
        [sys.executable, script, *folders.values()],
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return {key: (given[key], dict(np.load(folders[key] / "out.npz"))) for key in arguments}


@pytest.fixture(scope="module", params=PRECISIONS, ids="-".join)
def legacy(request, post):
    """What the post's function computes, with what it was given."""
    return *request.param, *post[request.param]


@pytest.fixture(scope="module", params=CASES)
def trained(request, legacy):
    """What the post's function and one of our layers compute from the same numbers.

    The gradients are those of the case: automatic in b, by hand in c.
    """
    dtype, statistics, given, theirs = legacy
    options = config(bn__momentum=MOMENTUM, bn__epsilon=EPSILON).bn
    layer = CASES[request.param]("bn", SHAPE[1:], AXES[statistics], options, tf.as_dtype(dtype))
    parameters = list(layer.parameters.values())
    for variable, name in zip(parameters, ("gamma", "beta"), strict=True):
        variable.assign(given[name].reshape(variable.shape))  # Keras's are flat per activation
    results: dict[str, list] = {name: [] for name in NAMES}
    for x, dy in zip(map(tf.constant, given["x"]), map(tf.constant, given["dy"]), strict=True):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y, cache = layer.forward(x, Context(training=True))
        if request.param == "b":
            dx, dgamma, dbeta = tape.gradient(y, [x, *parameters], output_gradients=dy)
        else:
            dx, (dgamma, dbeta) = layer.backward(dy, cache)
        moving = [layer.statistics[f"moving_{s}"] for s in ("mean", "variance")]
        infer, _ = layer.forward(x, Context(training=False))
        for name, value in zip(NAMES, (y, dx, dgamma, dbeta, *moving, infer), strict=True):
            results[name].append(value.numpy())
    ours = {name: np.array(values) for name, values in results.items()}
    # Theirs keep axes of length 1, Keras's are flat.
    ours = {name: values.reshape(theirs[name].shape) for name, values in ours.items()}
    return dtype, statistics, given, theirs, ours


def deviation(ours, theirs) -> float:
    """Return the largest difference, relative to the largest value."""
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def with_bessels_correction(given, axes) -> np.ndarray:
    """Average the unbiased variance of each batch, in float64."""
    moving, values = np.array(1.0), []
    for x in given["x"].astype(np.float64):
        moving = MOMENTUM * moving + (1 - MOMENTUM) * x.var(axis=axes, ddof=1)
        values.append(moving)
    return np.array(values)


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def relative(request, post):
    """What the post's function computes of a relative, with what it was given."""
    return *request.param, *post[request.param]


@pytest.mark.parametrize("gradients", ["by hand", "automatic"])
def test_the_relatives_equal_the_function_of_the_post(relative, gradients):
    name, statistics, given, expected = relative
    dtype, ours, _ = RELATIVES[name]
    assert not expected["fused"]
    options = config(
        bn__momentum=MOMENTUM, bn__epsilon=EPSILON, **{f"bn__{k}": v for k, v in ours.items()}
    ).bn
    kind = BatchRenorm if options.renorm else BatchNorm
    layer = kind("bn", SHAPE[1:], AXES[statistics], options, tf.as_dtype(dtype))
    layer.gamma.assign(given["gamma"])
    layer.beta.assign(given["beta"])
    statistics = [key for key in layer.statistics if key != "updates"]
    results: dict[str, list] = {key: [] for key in (*NAMES[:4], *statistics, "inference")}

    @tf.function(autograph=False)
    def step(x, dy):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y, cache = layer.forward(x, Context(training=True))
        if gradients == "automatic":
            return y, tape.gradient(y, [x, layer.gamma, layer.beta], output_gradients=dy)
        dx, dparameters = layer.backward(dy, cache)
        return y, [dx, *dparameters]

    for x, dy in zip(map(tf.constant, given["x"]), map(tf.constant, given["dy"]), strict=True):
        y, found = step(x, dy)
        moving = [layer.statistics[key] for key in statistics]
        infer, _ = layer.forward(x, Context(training=False))
        for key, value in zip(results, (y, *found, *moving, infer), strict=True):
            results[key].append(value.numpy())
    found = {
        key: deviation(np.array(values), expected[key].reshape(np.shape(values)))
        for key, values in results.items()
    }
    print(name, found)  # pytest -s
    assert max(found.values()) < LIMITS[dtype], found
    assert len(set(results) & set(expected)) == len(expected) - 1  # all but "fused"


def test_equals_the_function_of_the_post(trained):
    dtype, statistics, _, theirs, ours = trained
    fused = dtype == "float32" and statistics == "channel"
    assert bool(theirs["fused"]) is fused
    names = NAMES[:-2] if fused else NAMES  # Bessel's correction: the next test
    found = {name: deviation(ours[name], theirs[name]) for name in names}
    print(dtype, statistics, found)  # pytest -s
    assert max(found.values()) < LIMITS[dtype], found


def test_the_fused_kernel_averages_bessels_variance(trained):
    dtype, statistics, given, theirs, ours = trained
    bessel = with_bessels_correction(given, AXES[statistics])
    variance, inference = theirs["moving_variance"], theirs["inference"]
    if not theirs["fused"]:  # biased, as ours
        assert deviation(variance.reshape(bessel.shape), bessel) > 0.005
        return
    moving_mean = theirs["moving_mean"][:, None, None, None]
    x_hat = (given["x"] - moving_mean) / np.sqrt(bessel + EPSILON)[:, None, None, None]
    found = {
        "moving_variance": deviation(variance, bessel),
        "inference": deviation(inference, given["gamma"] * x_hat + given["beta"]),
    }
    print(dtype, found, "uncorrected", deviation(ours["moving_variance"], variance))
    assert max(found.values()) < LIMITS[dtype], found
    # The start, 1, is forgotten after 100 steps.
    ratio = variance[-1] / ours["moving_variance"][-1]
    np.testing.assert_allclose(ratio, M / (M - 1), rtol=1e-5)


def test_the_page_says_how_close():
    page = (Path(__file__).parents[2] / "docs/definitions.md").read_text(encoding="utf-8")
    for dtype, limit in LIMITS.items():
        assert f"within {limit:.0e} in {dtype}" in page
