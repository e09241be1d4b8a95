"""Keras's own training loop as a peer."""

import keras
import pytest
from helpers import config
from marks import thorough

from bnstudy.bench.peers.keras_fit import KerasFit
from bnstudy.model.all_cnn import Model


@pytest.fixture(autouse=True)
def same_policy_afterwards():
    """Restore Keras's global policy."""
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(("precision", "compute"), [("bfloat16",) * 2, *thorough(("float32",) * 2)])
def test_it_has_the_parameters_of_case_b_and_times_each_step(precision, compute):
    limits = {"data__train_limit": 100, "data__test_limit": 10}  # four batches
    case_b = config("b", training__precision=precision, **limits)
    peer, ours = KerasFit(case_b), Model(case_b)
    shapes = [tuple(w.shape) for w in peer.model.trainable_variables]
    assert sorted(shapes) == sorted(tuple(w.shape) for w in ours.parameters.values())
    assert peer.model.layers[0].compute_dtype == compute
    kernel = peer.model.trainable_variables[0]
    before = kernel.value.numpy()
    (times,) = peer.round().values()
    assert len(times) == 1  # the interval between the last two of four steps
    assert times[0] > 0
    assert (kernel.value.numpy() != before).any()
