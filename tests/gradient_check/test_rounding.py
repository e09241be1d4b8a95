"""The rounding of the precisions that train: in units, near one, and not of float64."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import config
from marks import thorough

from bnstudy.gradient_check import opinions, rounding
from bnstudy.manual import elu
from bnstudy.model import all_cnn


def measure(**changes):
    setting = opinions.make_setting(config(**changes), np.random.default_rng(0), True)
    return {row.layer: row for row in rounding.measure(setting)}


@pytest.mark.parametrize("gradients", ["manual", *thorough("autodiff", "as_posted")])
def test_each_layer_rounds_by_a_few_units(gradients):
    rows = measure(training__gradients=gradients)
    assert list(rows)[:2] == ["logits", "elu9"]
    assert all(row.usual for row in rows.values())
    for precision in rounding.UNITS:
        assert 0.1 < rows["elu1"].alone[precision] < 1
        assert 0.3 < rows["conv4"].alone[precision] <= rounding.LIMITS[precision]
        assert 1 < rows["conv1"].step[precision] < 100
    assert rows["pool3"].alone == {"float32": 0, "bfloat16": 0}  # a division by 4 is exact
    assert rows["pool3"].step == {}


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["none", "keras"])
def test_other_networks(kind):
    rows = measure(model__batch_norm=kind, bn__axes="activation")
    assert all(row.usual for row in rows.values())
    assert ("bn3" in rows) == (kind == "keras")


def test_rounding_is_not_wrong_in_any_layer():
    rows = measure(bn__placement="after_conv")
    assert "bn9" in rows
    assert not any(row.wrong for row in rows.values())


@pytest.mark.thorough
def test_averages_that_move_are_no_rounding():
    """Every precision is compared with the same averages, although a forward pass moves them."""
    rows = measure(bn__renorm=True, bn__renorm_momentum=0.5)
    for name in ("bn3", "bn6"):
        assert rows[name].alone["bfloat16"] < 2


def test_a_sloppy_layer_is_marked_and_too_sloppy_a_one_is_wrong(monkeypatch):
    def backward(dy, y):
        dx = elu.backward(dy, y)
        return dx if dx.dtype == tf.float64 else dx * tf.cast(1 + 2.0**-6, dx.dtype)

    monkeypatch.setattr(all_cnn, "RIGHT", all_cnn.RIGHT._replace(elu=backward))
    rows = measure()
    slopes = {f"elu{n}" for n in range(1, 10)}
    assert {name for name, row in rows.items() if not row.usual} == slopes
    assert rows["elu1"].alone["bfloat16"] == pytest.approx(4, rel=0.2)
    assert rows["elu1"].alone["float32"] == pytest.approx(2**18, rel=1e-3)
    assert {name for name, row in rows.items() if row.wrong_alone("float32")} == slopes
    assert {name for name, row in rows.items() if row.wrong} >= slopes


def test_the_units_are_half_the_distance_from_1_to_the_next_number():
    for precision, unit in rounding.UNITS.items():
        dtype = tf.as_dtype(precision)
        assert tf.cast(1 + 2 * unit, dtype) > tf.cast(1, dtype)
        assert tf.cast(1 + 0.99 * unit, dtype) == tf.cast(1, dtype)


@pytest.mark.thorough
def test_a_mistake_of_the_compiled_float32_step_alone_is_wrong(monkeypatch):
    def backward(dy, y):
        wrong = dy.dtype == tf.float32 and not tf.executing_eagerly()
        return elu.backward(dy, y) * (1.001 if wrong else 1)

    monkeypatch.setattr(all_cnn, "RIGHT", all_cnn.RIGHT._replace(elu=backward))
    rows = measure()
    assert all(row.usual for row in rows.values())
    assert rows["conv1"].wrong_in_step("float32")
    assert rows["conv1"].wrong
    assert not rows["conv1"].wrong_in_step("bfloat16")
    assert not rows["elu1"].wrong  # has no parameters
    assert rows["conv1"]._replace(step={"float32": float("nan")}).wrong
