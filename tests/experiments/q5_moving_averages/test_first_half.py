"""The first half of question 5 gives the committed verdict again, and its parts are right."""

import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "experiments/q5_moving_averages"


@pytest.fixture
def committed():
    return json.loads((FOLDER / "verdict.json").read_text(encoding="utf-8"))


@pytest.mark.thorough
def test_the_verdict_is_reproduced(first, found, committed):
    claims = first.judge(found)
    assert len(claims) == 16
    for claim, expected in zip(claims, committed["claims"], strict=False):
        ours, known = claim._asdict(), {**expected, "runs": tuple(expected["runs"])}
        for numbers in ("value", "interval"):
            assert ours.pop(numbers) == pytest.approx(known.pop(numbers), abs=2e-3)
        assert ours == known
    for alpha, ends in committed["described"]["x after all steps, by alpha"].items():
        ours = found["described"]["x after all steps, by alpha"][alpha]
        assert ours == pytest.approx(ends, abs=2e-3)
    sizes = "batch sizes whose band contains"
    assert found["described"][sizes] == committed["described"][sizes]


def test_the_page_says_which_batch_sizes_fit(committed):
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    sizes = committed["described"]["batch sizes whose band contains"]
    (common,) = set.intersection(*map(set, sizes.values()))
    assert f"only the band for batches of {common} contains all four" in " ".join(page.split())


def test_the_averages_are_the_weighted_sums_that_they_are(first):
    """Of five batches, each with another variance; no recursion."""
    batches = np.array([3.0, 5.0, 4.0, 1.0, 6.0])
    ours = first.averages(batches[:, None], 9.0, 0.8)
    weights = 0.2 * 0.8 ** np.arange(5)[::-1]
    np.testing.assert_allclose(ours["raw"][-1], weights @ batches + 0.8**5 * 9, rtol=1e-14)
    np.testing.assert_allclose(ours["corrected"][-1], weights @ batches / weights.sum(), rtol=1e-13)


def test_the_sampled_variances_are_those_of_batches(first):
    """Against the variances of normal numbers: their mean, 3.92, and standard deviation."""
    drawn = np.random.default_rng(1).normal(scale=2, size=(100_000, 50)).var(axis=1)
    sampled = first.sampled_variances(50, 1000)
    assert sampled.shape == (100, 1000)
    np.testing.assert_allclose(sampled.mean(), drawn.mean(), rtol=0.005)
    np.testing.assert_allclose(sampled.std(), drawn.std(), rtol=0.01)


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "maximum"), [("Adam, keras", False), ("AMSGrad, keras", True)])
def test_reddis_problem_step_by_step(found, name, maximum):
    """The first fifty periods in plain Python."""
    x = m = v = v_max = regret = 0.0
    xs, regrets = [], []
    for t in range(1, 50 * 101 + 1):
        g = 1010 if t % 101 == 1 else -10
        regret += g * x - g * -1
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
        v_max = max(v_max, v)
        root = ((v_max if maximum else v) / (1 - 0.99**t)) ** 0.5
        x -= 2 / t**0.5 * m / (1 - 0.9**t) / root
        x = min(max(x, -1), 1)
        if t % 101 == 0:
            xs.append(x)
            regrets.append(regret / t)
    np.testing.assert_allclose(found["reddi"][name][0][:50], xs, atol=1e-6)
    np.testing.assert_allclose(found["reddi"][name][1][:50], regrets, atol=1e-5)


@pytest.mark.thorough
def test_adam_stays_at_the_worst_point_and_pays_for_it(found):
    """At x = 1, 101 steps cost 10, at -1 they cost -10; falls below 1 cost more."""
    xs, regret = map(np.array, found["reddi"]["Adam, paper"])
    paid = np.diff(regret * 101 * np.arange(1, len(regret) + 1))
    assert np.all(xs[-1000:] > 0.999)
    assert np.all(paid[-1000:] > 20)


@pytest.mark.thorough
def test_every_claim_can_fail(first, found):
    damaged = {
        "exact": {
            key: {kind: [2.89] if "1" in key.split()[-1] else [5.82] for kind in each}
            for key, each in found["exact"].items()
        },
        "bands": {
            key: {kind: [[8.0], [9.0]] for kind in each} for key, each in found["bands"].items()
        },
        "correction helps": dict.fromkeys(found["correction helps"], 0.949),
        "reddi": {
            name: ([0.949 if name.startswith("Adam") else -0.949], [0.1]) for name in found["reddi"]
        },
    }
    assert {claim.verdict for claim in first.judge(damaged)} == {"does not replicate"}
    assert {claim.verdict for claim in first.judge(found)} == {"replicates"}
