"""Synchronized batch norm as a layer; on several devices, tests/runner/test_replicas.py."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import config, random

from bnstudy.model.all_cnn import build_layers
from bnstudy.model.batch_norm import BatchNorm, KerasBatchNorm
from bnstudy.model.fusion import fuse
from bnstudy.model.layers import Context
from bnstudy.model.synchronized import SynchronizedBatchNorm


def batch_norms(case="c", **changes):
    layers = build_layers(config(case, **changes), tf.float64)
    return [layer for layer in layers if layer.name.startswith("bn")], layers


@pytest.mark.parametrize(
    ("synchronized", "devices", "expected"),
    [
        (False, 1, BatchNorm),
        (True, 1, BatchNorm),  # compiled together with its neighbours
        (False, 2, BatchNorm),
        (True, 2, SynchronizedBatchNorm),
        (True, "auto", SynchronizedBatchNorm),
    ],
)
def test_the_sums_are_added_up_where_there_are_several_devices(synchronized, devices, expected):
    changes = {"bn__synchronized": synchronized, "training__devices": devices}
    found, _ = batch_norms(**changes)
    assert {type(layer) for layer in found} == {expected}
    found, _ = batch_norms("b", **changes)
    assert {type(layer) for layer in found} == {KerasBatchNorm}
    together = expected is SynchronizedBatchNorm
    assert {layer.layer.synchronized for layer in found} == {together}


def test_nothing_is_compiled_around_a_sum_over_devices():
    found, layers = batch_norms(bn__synchronized=True, training__devices=2)
    assert [layer for layer in fuse(layers) if layer in found] == found


@pytest.mark.parametrize("training", [True, False])
def test_one_device_alone_is_ordinary_batch_norm_to_the_bit(training):
    (one, *_), _ = batch_norms(training__devices=2)
    (synchronized, *_), _ = batch_norms(training__devices=2, bn__synchronized=True)
    x, dy = random(6, 8, 8, 19, shift=2.0), random(6, 8, 8, 19, seed=1)
    results = []
    for layer in (one, synchronized):
        y, cache = layer.forward(x, Context(training))
        dx, parameters = layer.backward(dy, cache)
        results.append([y, dx, *parameters, *layer.statistics.values()])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (int(results[0][-1]) == 1) == training
