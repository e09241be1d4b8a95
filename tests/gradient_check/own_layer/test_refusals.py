"""Set-ups that say nothing are refused, with the reason."""

import layer_helpers as layers
import numpy as np
import pytest

import bnstudy
from bnstudy import UserError

X = layers.random(5, 3)
BATCH_NORM = (layers.batch_norm_forward, layers.batch_norm_backward)
NOT_FINITE = X.copy()
NOT_FINITE[1, 1] = np.nan


def same(dy, *_):
    return dy


def changes(x):
    x -= x.mean(0)
    return x * 1.0


DROPOUT = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("forward", "inputs", "reason"),
    [
        (lambda x: x * 1.0, np.arange(3), r"x is int\d+: an integer has no gradient"),
        (lambda x: x, (3.0,), "none is an array"),
        (sum, ([1.0, 2.0],), "none is an array .np.array makes one of a list"),
        (lambda x: x * 1.0, np.ones((0, 3)), "x is empty; give it at least one element"),
        (lambda x: x, X + 1j, "x is complex128; real numbers are needed"),
        (lambda x: x, NOT_FINITE, "x has values that are not finite"),
        (lambda x: x / np.zeros(3), X, "forward's y has values that are not finite"),
        (lambda x: x > 0, X, "forward's y is bool"),
        (changes, X, r"forward changes its argument x in place, .* x = x.copy\(\)"),
        (
            lambda x: x * DROPOUT.integers(2, size=x.shape),
            X,
            r"two calls of forward give different outputs \(dropout",
        ),
        (lambda x: x * 1, X.astype("f"), "x is float32: its rounding hides errors"),
        (lambda x: x.astype("f"), X, "forward's y is float32 although its arguments are float64"),
        (
            BATCH_NORM[0],
            layers.norm_inputs((2, 4)),
            r"forward normalizes over 2 values \(axes \[0\]",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_reason_is_given_in_one_line(forward, inputs, reason):
    with pytest.raises(UserError, match=reason) as raised:
        bnstudy.check_layer(forward, same, inputs)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("inputs", [layers.norm_inputs((2, 4))])
def test_insisting_goes_on_and_says_so(inputs):
    result = bnstudy.check_layer(*BATCH_NORM, inputs, insist=True)
    assert any("insisted, although forward normalizes over 2 values" in n for n in result.notes)


def test_insisting_does_not_help_with_integers():
    with pytest.raises(UserError, match="an integer has no gradient"):
        bnstudy.check_layer(lambda x: x * 1.0, same, np.arange(3), insist=True)


def test_a_batch_of_two_is_enough_where_channels_have_many_values():
    pair = layers.norm((0, 1, 2), (0, 1, 2))
    assert bnstudy.check_layer(*pair, layers.norm_inputs((2, 3, 2, 4), (4,))).passed


def test_dy_that_differs_between_channels_alone_is_uniform_in_every_group():
    dy = np.ones((6, 4)) * [1.0, 2, 3, 4]
    with pytest.raises(UserError, match="dy is uniform"):
        bnstudy.check_layer(*BATCH_NORM, layers.norm_inputs(), dy=dy)
    # Without a normalization a uniform dy is no problem.
    dense = (layers.dense_forward, layers.dense_backward, layers.dense_inputs())
    assert bnstudy.check_layer(*dense, dy=np.ones((5, 3))).passed


def test_random_numbers_that_are_fixed_are_deterministic():
    def forward(x):
        mask = np.random.default_rng(3).random(x.shape) > 0.5
        return x * mask * 2, mask

    assert bnstudy.check_layer(forward, lambda dy, mask: dy * mask * 2, X).passed


def test_the_arguments_of_the_caller_stay_as_they_are():
    def forward(x, state):
        state["calls"] += 1
        x *= 2
        return x * 1.0

    x, state = X.copy(), {"calls": 0}
    with pytest.raises(UserError, match="forward changes its argument x"):
        bnstudy.check_layer(forward, same, (x, state))
    np.testing.assert_array_equal(x, X)
    assert state == {"calls": 0}


def test_an_integer_first_argument_is_left_out_with_a_note():
    def embed(indices, w):
        return w[indices], (indices, w)

    def backward(dy, cache):
        dw = np.zeros_like(cache[1])
        np.add.at(dw, cache[0], dy)
        return None, dw

    result = bnstudy.check_layer(embed, backward, (np.array([0, 2, 2]), X))
    assert result.passed
    assert [row.gradient for row in result.rows] == ["dw"]
    assert result.notes == (
        "indices is int64 and has no gradient; if it should have one, give "
        "indices.astype(np.float64)",
    )


def test_insisting_does_not_make_right_what_was_not_compared():
    result = bnstudy.check_layer(
        lambda x: x * DROPOUT.integers(1, 9, size=x.shape), same, X, insist=True
    )
    assert not result.passed


def test_in_float32_nothing_is_said_of_imaginary_parts():
    x = X.astype("f")
    result = bnstudy.check_layer(lambda x: (x * x, x), lambda dy, x: 2 * dy * x, x, insist=True)
    assert result.passed
    assert [note[:8] for note in result.notes] == ["insisted"]
