"""The rules that turn an interval into a verdict."""

import math

import pytest

from bnstudy.report.estimates import Estimate
from bnstudy.report.verdicts import Verdict, above, effect, every, more_than_a_point, small_effect


def interval(low, high):
    return Estimate((low + high) / 2, low, high, 1.0, 8)


@pytest.mark.parametrize(
    ("low", "high", "cost", "accuracy"),
    [
        (0.001, 0.02, "replicates", "replicates"),
        (-0.02, -0.001, "does not replicate", "does not replicate"),
        (-0.02, 0.02, "undecided", "undecided"),
        (-0.02, 0.009, "undecided", "does not replicate"),  # an effect below 0.01, if any
        (-0.02, 0.011, "undecided", "undecided"),
        (0.0, 0.009, "undecided", "does not replicate"),
    ],
)
def test_a_claim_that_something_is_above_zero(low, high, cost, accuracy):
    assert above(0)(interval(low, high)) == cost
    assert above(0, accuracy=True)(interval(low, high)) == accuracy
    small = cost != accuracy
    reason = "the difference, if there is one, is below 0.01" if small else ""
    assert small_effect(accuracy, high, 0) == reason
    assert small_effect(cost, high, 0) == ""


@pytest.mark.parametrize(
    ("low", "high", "cost", "accuracy"),
    [
        (0.001, 0.02, "effect", "effect"),
        (-0.02, -0.001, "effect", "effect"),
        (-0.009, 0.009, "undecided", "none above 0.01"),
        (-0.011, 0.009, "undecided", "undecided"),
        (-0.009, 0.011, "undecided", "undecided"),
    ],
)
def test_a_question_for_an_effect(low, high, cost, accuracy):
    assert effect()(interval(low, high)) == cost
    assert effect(accuracy=True)(interval(low, high)) == accuracy


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.011, 0.02, "more than a point"),
        (-0.02, 0.009, "less than a point"),
        (0.009, 0.02, "undecided"),
    ],
)
def test_a_loss_of_a_point(low, high, verdict):
    assert more_than_a_point(interval(low, high)) == verdict


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.6, 0.7], "yes"),
        ([0.4, 0.5], "no"),
        ([0.4, 0.6], "undecided"),
        ([0.6, math.nan], "not comparable"),
        ([], "not comparable"),
    ],
)
def test_every_value_on_one_side(values, verdict):
    assert every(values, 0.5, "yes", "no") == verdict


def test_numbers_have_their_sign_and_their_interval():
    verdict = Verdict("i", "claim", "statistic", 0.0, "replicates")
    assert verdict.number_text() == ""
    known = Verdict("i", "", "", 0.0, "", value=0.00512, interval=(-0.001, 0.0112))
    assert known.number_text() == "+0.0051 (-0.0010 to +0.0112)"
    assert Verdict("i", "", "", 0.0, "", value=-0.5, digits=1).number_text() == "-0.5"
    assert known.as_json()["interval"] == [-0.001, 0.0112]


def test_a_verdict_keeps_what_its_interval_was_made_of():
    verdict = Verdict("i", "", "", 0.0, "").with_estimate(Estimate(0.5, 0.1, 0.9, 0.3, 8), "abcd")
    assert (verdict.value, verdict.interval, verdict.deviation) == (0.5, (0.1, 0.9), 0.3)
    assert (verdict.freedom, verdict.pooled) == (8, ("a", "b", "c", "d"))
    single = Verdict("i", "", "", 0.0, "").with_estimate(
        Estimate(0.5, math.nan, math.nan, math.nan, 0), "ab"
    )
    assert (single.value, single.interval, single.deviation) == (0.5, None, None)


def test_a_value_that_is_not_finite_is_none_in_json():
    verdict = Verdict("i", "", "", 0.0, "", values={"a": {0: 0.5, 3: math.nan}})
    assert verdict.as_json()["values"] == {"a": {0: 0.5, 3: None}}
