"""Run `tf.compat.v1.layers.batch_normalization`, the very function of the post, in a graph.

    TF_USE_LEGACY_KERAS=1 python tests/model/legacy_batch_norm.py FOLDER ...

A process of its own: the choice between Keras 2 and 3 is made when TensorFlow is imported. In each
folder, in.npz holds x and dy [steps, N, H, W, C], gamma, beta, momentum, epsilon, axis, along which
each entry has statistics of its own, and `options`, the JSON of further arguments; out.npz, which
is written, what each step computes.
"""

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1


def build(given) -> tuple[dict, dict]:
    """Build the graph; return its placeholders and what to compute."""
    dtype = tf.as_dtype(given["x"].dtype)
    x, dy = (v1.placeholder(dtype, given["x"].shape[1:]) for _ in range(2))
    layer = {
        "axis": given["axis"].tolist(),
        "momentum": float(given["momentum"]),
        "epsilon": float(given["epsilon"]),
        "gamma_initializer": v1.constant_initializer(given["gamma"]),
        "beta_initializer": v1.constant_initializer(given["beta"]),
        "name": "bn",
        **json.loads(str(given["options"])),
    }
    y = v1.layers.batch_normalization(x, training=True, **layer)
    gamma, beta = v1.trainable_variables()
    averages = [v for v in v1.global_variables() if v not in (gamma, beta)]
    dx, dgamma, dbeta = tf.gradients(y, [x, gamma, beta], dy)
    with tf.control_dependencies([y, dx, *v1.get_collection(v1.GraphKeys.UPDATE_OPS)]):
        computed = {v.op.name.partition("/")[2]: v.read_value() for v in averages}
    computed |= {"y": y, "dx": dx, "dgamma": dgamma, "dbeta": dbeta}
    inference = v1.layers.batch_normalization(x, training=False, reuse=True, **layer)
    return {"x": x, "dy": dy}, {"steps": computed, "inference": inference}


def run(given) -> dict:
    """Train for all steps, with a look at inference mode after each."""
    placeholders, computed = build(given)
    fused = any("FusedBatchNorm" in op.type for op in v1.get_default_graph().get_operations())
    results: dict[str, list] = {name: [] for name in [*computed["steps"], "inference"]}
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        for x, dy in zip(given["x"], given["dy"], strict=True):
            feed = {placeholders["x"]: x, placeholders["dy"]: dy}
            step = session.run(computed["steps"], feed)
            step["inference"] = session.run(computed["inference"], feed)
            for name, value in step.items():
                results[name].append(value)
    return {"fused": fused, **{name: np.array(v) for name, v in results.items()}}


if __name__ == "__main__":
    for folder in map(Path, sys.argv[1:]):
        with tf.Graph().as_default():
            np.savez(folder / "out.npz", **run(dict(np.load(folder / "in.npz"))))
