"""The analysis of question 5 makes the committed verdict again, and its parts are right."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "experiments/q5_moving_averages"


@pytest.fixture(scope="module")
def analysis():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        import analysis

        yield analysis
        del sys.modules["analysis"], sys.modules["figure"]


@pytest.fixture(scope="module")
def found(analysis):
    return analysis.measure()


@pytest.fixture(scope="module")
def committed():
    return json.loads((FOLDER / "verdict.json").read_text(encoding="utf-8"))


def test_the_verdict_is_reproduced(analysis, found, committed):
    again = json.loads(json.dumps(analysis.verdict(found, committed["commit"])))
    for row, expected in zip(again["claims"], committed["claims"], strict=True):
        for key in ("value", "interval"):
            numbers, known = row.pop(key), expected.pop(key)
            if known is None:
                assert numbers is None
            else:
                np.testing.assert_allclose(numbers, known, atol=2e-3)
    assert again == committed


def test_the_averages_are_the_weighted_sums_that_they_are(analysis):
    """Of five batches, each with another variance; no recursion."""
    batches = np.array([3.0, 5.0, 4.0, 1.0, 6.0])
    ours = analysis.averages(batches[:, None], 9.0, 0.8)
    weights = 0.2 * 0.8 ** np.arange(5)[::-1]
    np.testing.assert_allclose(ours["raw"][-1], weights @ batches + 0.8**5 * 9, rtol=1e-14)
    np.testing.assert_allclose(ours["corrected"][-1], weights @ batches / weights.sum(), rtol=1e-13)


def test_the_sampled_variances_are_those_of_batches(analysis):
    """Against the variances of normal numbers: their mean, 3.92, and standard deviation."""
    drawn = np.random.default_rng(1).normal(scale=2, size=(100_000, 50)).var(axis=1)
    sampled = analysis.sampled_variances(50, 1000)
    assert sampled.shape == (100, 1000)
    np.testing.assert_allclose(sampled.mean(), drawn.mean(), rtol=0.005)
    np.testing.assert_allclose(sampled.std(), drawn.std(), rtol=0.01)


def test_the_regret_of_the_worst_point_is_20_a_period(found):
    """Adam stays at x = 1, where 101 steps cost 10 and at x = -1 they cost -10."""
    xs, regret = found["reddi"]["Adam, paper"]
    total = regret * 101 * np.arange(1, len(regret) + 1)
    assert np.all(xs[-1000:] > 0.999)
    np.testing.assert_allclose(np.diff(total[-1000:]), 20, rtol=0.02)


def test_a_claim_can_fail(analysis, found):
    damaged = {**found, "reddi": {"AMSGrad, paper": found["reddi"]["Adam, paper"]}}
    (row,) = analysis.claims_about_optimizers(damaged)
    assert row["verdict"] == "does not replicate"
    assert not analysis.inside(np.linspace(0, 1, 101), 0.99)[0]
    assert analysis.inside(np.linspace(0, 1, 101), 0.9)[0]
