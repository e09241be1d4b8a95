"""Question 2: every verdict can be reached, and every threshold counts."""

import json

import numpy as np
import pytest

REPLICATES, DOES_NOT, UNDECIDED = "replicates", "does not replicate", "undecided"
INCOMPARABLE = "not comparable"
NAMES = ("i a", "i b", "ii", "iii a", "iii b", "iv a", "iv b", "v a", "v b")


def claims_of(analysis, measured):
    claims = {claim.name.partition(".")[0]: claim for claim in analysis.judge(measured)}
    assert tuple(claims) == NAMES
    json.dumps([claim._asdict() for claim in claims.values()], allow_nan=False)
    return claims


@pytest.mark.parametrize(
    ("claim", "changes", "verdict"),
    [
        ("i a", {"breaks": (8, 12)}, REPLICATES),  # two doublings later: exactly 4
        ("i a", {"breaks": (8, 10)}, DOES_NOT),
        ("i a", {"breaks": (8, None)}, REPLICATES),  # a lower bound of 16
        ("i a", {"breaks": (13, None)}, UNDECIDED),  # a lower bound of 2
        ("i a", {"breaks": (None, None)}, INCOMPARABLE),
        ("i b", {"adam": (10, 14)}, REPLICATES),
        ("i b", {"adam": (10, 12)}, DOES_NOT),
        ("ii", {"small_gap": 0.099}, REPLICATES),
        ("ii", {"small_gap": 0.101}, DOES_NOT),
        ("ii", {"small_gap": 0.099, "spread": 1.1}, UNDECIDED),
        ("ii", {"gap": -0.1, "small_gap": -0.1}, UNDECIDED),
        ("iii a", {"frozen": 3.01}, REPLICATES),
        ("iii a", {"frozen": 2.99}, DOES_NOT),
        ("iii a", {"frozen": 3.01, "spread": 1.1}, UNDECIDED),
        ("iii a", {"alike": 0.5}, REPLICATES),  # one network: no comparison of accuracies
        ("iii b", {"none": 3.01}, REPLICATES),
        ("iii b", {"none": 2.99}, DOES_NOT),
        ("iii b", {"none": 3.01, "spread": 1.1}, UNDECIDED),
        ("iii b", {"alike": 0.569}, INCOMPARABLE),
        ("iii b", {"alike": 0.629}, REPLICATES),
        ("iii b", {"alike": 0.63}, REPLICATES),  # 0.63 - 0.6 is 0.03, and a little more in binary
        ("iv a", {"ranges": (0.21, 0.2)}, REPLICATES),
        ("iv a", {"ranges": (0.19, 0.2)}, DOES_NOT),
        ("iv a", {"ranges": (0.21, 0.2), "spread": 1.1}, UNDECIDED),
        ("iv b", {"changes": (1.01, 1.0)}, REPLICATES),
        ("iv b", {"changes": (0.99, 1.0)}, DOES_NOT),
        ("iv b", {"changes": (1.01, 1.0), "spread": 1.1}, UNDECIDED),
        ("v a", {"reached": (8, 4)}, REPLICATES),
        ("v a", {"reached": (4, 8)}, DOES_NOT),
        ("v a", {"reached": (11, 4)}, INCOMPARABLE),
        ("v b", {"milliseconds": (30.0, 59.0)}, REPLICATES),
        ("v b", {"milliseconds": (30.0, 61.0)}, DOES_NOT),
    ],
)
def test_a_verdict_is_on_either_side_of_its_threshold(analysis, measured, claim, changes, verdict):
    found = claims_of(analysis, measured(**changes))[claim]
    assert found.verdict == verdict, found


def test_every_seed_counts_for_the_breaking_rate(analysis, measured):
    found = measured(breaks=(8, 14))
    found["doubling"]["BN"]["momentum"]["1"] = found["doubling"]["BN"]["adam"]["1"] | {
        "costs": measured(breaks=(8, 10))["doubling"]["BN"]["momentum"]["1"]["costs"]
    }
    claim = claims_of(analysis, found)["i a"]
    assert claim.verdict == UNDECIDED
    assert (claim.value, claim.interval) == (2, (2, 8))


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ([2.1, 1.9, 2.2, 2.31, 1.0], (0.04, True)),  # above ln 10 after having been below 2.0
        ([2.4, 2.31, 2.01, 2.31, 2.31], (0.08, False)),  # it never was
        ([2.4, None], (0.01, True)),
        ([2.1, 1.9, 2.3, 2.3, 2.3], (0.08, False)),  # not above ln 10
    ],
)
def test_the_breaking_rate_is_that_of_the_first_epoch_that_breaks(judging, costs, expected):
    rates = [0.005, 0.01, 0.02, 0.04, 0.08][: len(costs)]
    assert judging.breaking({"rates": rates, "costs": costs}) == expected


def test_the_interval_of_a_ratio_is_that_of_its_logarithm(analysis, measured):
    claim = claims_of(analysis, measured(frozen=6.0, spread=1.2))["iii a"]
    half = 4.30265273 * np.log(1.2) / np.sqrt(3)  # t with 2 degrees of freedom
    assert claim.value == pytest.approx(6)
    assert claim.interval == pytest.approx((6 * np.exp(-half), 6 * np.exp(half)))


def test_steps_are_interpolated_and_time_is_steps_times_the_time_of_a_step(analysis, measured):
    found = claims_of(analysis, measured(reached=(8, 4), milliseconds=(30.0, 45.0)))
    assert found["v a"].value == pytest.approx(2, rel=1e-4)
    assert found["v b"].value == pytest.approx(2 * 30 / 45, rel=1e-4)


@pytest.mark.parametrize(
    ("accuracies", "steps"),
    [
        ([0.3, 0.4, 0.5], 600),  # 0.50 itself, at the very end
        ([0.3, 0.5, 0.48, 0.6], 400),
        ([0.5, 0.6], 200),
        ([0.3, 0.49, 0.51], 500),
        ([0.3, 0.4995], np.nan),
    ],
)
def test_a_test_accuracy_of_one_half_itself_is_reached(judging, accuracies, steps):
    found = judging.steps_until({"steps": 200, "accuracies": accuracies})
    assert found == pytest.approx(steps, nan_ok=True)


def test_half_of_the_points_without_a_finite_cost_cannot_be_compared(analysis, measured):
    found = measured()
    found["predictiveness"]["none"]["2"]["range"] = [None, None, 0.1]
    claims = claims_of(analysis, found)
    assert (claims["iv a"].verdict, claims["iv b"].verdict) == (INCOMPARABLE, REPLICATES)


def test_a_seed_that_diverges_at_a_chosen_rate_cannot_be_compared(analysis, measured):
    found = measured()
    found["fixed"]["none"]["0.01"]["2"]["costs"][-1] = None
    assert claims_of(analysis, found)["ii"].verdict == INCOMPARABLE


def test_a_claim_without_all_its_seeds_is_open_shows_its_value_and_says_what_is_missing(
    analysis, measured
):
    claims = claims_of(analysis, measured(seeds=1))
    assert {claim.verdict for claim in claims.values()} == {"open"}
    assert claims["i a"].reason == "none lacks seeds 1, 2; BN lacks seeds 1, 2"
    assert claims["iv a"].reason == "none at 0.01 lacks seeds 1, 2; BN at 0.01 lacks seeds 1, 2"
    assert claims["v a"].reason == "none at 0.01 lacks seeds 1, 2; BN at 0.1 lacks seeds 1, 2"
    assert claims["ii"].reason.count("lacks seeds 1, 2") == 4
    assert claims["iii a"].value == pytest.approx(6)
    assert claims["iii a"].interval is None


def test_before_seed_0_has_chosen_the_rates_the_claims_on_them_are_open(analysis, measured):
    found = measured()
    for name in ("sharpness", "predictiveness", "milliseconds"):
        del found[name]
    found["chosen"] = {"missing": "seed 0 lacks BN at 0.3"}
    claims = claims_of(analysis, found)
    assert [claim.verdict for claim in claims.values()] == [REPLICATES, DOES_NOT] + ["open"] * 7
    assert {claim.reason for claim in list(claims.values())[2:8]} == {"seed 0 lacks BN at 0.3"}


def test_exactly_one_claim_is_primary_and_claims_name_their_runs(analysis, measured):
    claims = claims_of(analysis, measured())
    assert [name for name, claim in claims.items() if claim.primary] == ["i a"]
    assert len(claims["ii"].runs) == 12
    assert claims["iii b"].runs[:4] == (
        "none-0.01_seed-0",
        "none-0.01_seed-1",
        "none-0.01_seed-2",
        "BN-0.1_seed-0",
    )
