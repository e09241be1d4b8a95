"""Hints point at a term, and do not say what is wrong with it."""

import pytest

from bnstudy.gradient_check.own_layer import hints as layer_hints
from bnstudy.gradient_check.own_layer.report import FAIL, PASS, Row


def row(mistake, verdict=FAIL, gradient="dx", elements=24):
    return Row(gradient, (6, 4), elements, 0, 0.5, 0.5, 0.0, "exact", 0.5, verdict, mistake)


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (
            "the x-hat term is missing (the path through the variance)",
            "last is taken for a constant; see (17a)",
        ),
        (
            "the mean term is missing (the path through the mean)",
            "first is taken for a constant; see (17b) in",
        ),
        ("the x-hat term has the factor 1.2", "at its factors; see (17a)"),
        ("no known name", "x reaches y on three paths: directly, through the mean, through the"),
        ("the factor dcost is missing", "The chain rule has one more factor; see (16)"),
        ("divided by the standard deviation", "or one over it? See (12) in"),
        ("a constant factor of 0.5: 1/2: a mean instead of a sum?", "or average over them? See"),
        ("the sign (a factor of -1)", "the form is right, the sign is not; see (16) to (17)"),
    ],
)
def test_the_hint_follows_the_mistake(mistake, says):
    (hinted,), _ = layer_hints.instead([row(mistake)], [], "batch_norm")
    assert says in hinted.mistake
    assert mistake not in hinted.mistake


def test_a_zero_is_told_and_what_may_have_made_it_is_asked():
    (hinted,), _ = layer_hints.instead(
        [row("it is 0 everywhere, but for rounding")], [], "batch_norm"
    )
    assert hinted.mistake.startswith("it is 0 everywhere: were all paths added up, or did a later")


def test_where_nothing_is_summed_a_hint_does_not_ask_for_a_sum():
    mistake = "a constant factor of 0.5: 1/2, the length of axis 0 of y: a mean instead of a sum?"
    (hinted,), _ = layer_hints.instead([row(mistake)], [], "average_pool")
    assert hinted.mistake.startswith("the form is right, a constant is not; see (7)")


def test_a_shape_is_told_but_not_that_the_numbers_are_right():
    mistake = "its shape is [1, 4], not [4]: keepdims; its numbers are right"
    (hinted,), _ = layer_hints.instead([row(mistake, elements=0)], [], "batch_norm")
    assert hinted.mistake.startswith("its shape is [1, 4], not [4]: keepdims; see ")


def test_right_gradients_stay_and_the_order_of_the_cache_is_not_given_away():
    right = row("", verdict=PASS)
    problem = "backward unpacks the cache in a different order: (1, 0) every gradient is right"
    rows, problems = layer_hints.instead([right], [problem, "backward changes dy"], True)
    assert rows == [right]
    assert problems[1] == "backward changes dy"
    assert "(1, 0)" not in problems[0]


def test_a_layer_without_a_template_gets_a_general_hint():
    (hinted,), _ = layer_hints.instead([row("no known name")], [], True)
    assert hinted.mistake == "add up all paths; see Notation in docs/backprop.md"
