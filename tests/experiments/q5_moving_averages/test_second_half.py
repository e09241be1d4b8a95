"""The second half of question 5: its statistic, every verdict, and real runs."""

import json
import math

import numpy as np
import pytest

import bnstudy


@pytest.fixture
def claims(second, made_up_curves):
    """Judge made-up runs, one for each gap given."""

    def judge(name, *gaps):
        until = second.UNTIL[name]
        runs = {str(seed): made_up_curves(until, gap) for seed, gap in enumerate(gaps)}
        label = {"cifar10": "lite", "digits": "digits"}[name]
        return {
            float(claim.name.split()[2].rstrip(":")): claim
            for claim in second.judge({name: runs})
            if claim.name.startswith(label)
        }

    return judge


def test_the_predictions_need_no_fit(second):
    assert [second.predicted(momentum) for momentum in (0.9, 0.99, 0.999)] == [44, 459, 4603]
    for momentum in second.MOMENTA:
        step = second.predicted(momentum)
        assert momentum**step < 0.01 < momentum ** (step - 1)


def test_the_step_is_the_first_of_those_that_stay_within_a_point(second, made_up_curves):
    curves = made_up_curves(1000, {0.9: 42})
    assert second.catches_up(curves, 0.9) == (42, 56)
    curves["accuracy"]["raw 0.9"][curves["steps"].index(3)] = 0.8  # close for a moment
    assert second.catches_up(curves, 0.9) == (42, 56)
    curves["accuracy"]["raw 0.9"][curves["steps"].index(237)] = 0.811  # and apart again
    assert second.catches_up(curves, 0.9) == (237, 316)
    assert second.catches_up(curves, 0.99) == (0, 1)
    assert second.catches_up(made_up_curves(1000, {0.9: 1000}), 0.9) == (1000, math.inf)


@pytest.mark.parametrize(
    ("momentum", "last", "verdict"),
    [
        (0.9, 18, "replicates"),  # 24
        (0.9, 13, "does not replicate"),  # 18, below 22
        (0.9, 56, "replicates"),  # 75
        (0.9, 75, "does not replicate"),  # 100, above 88
        (0.99, 178, "replicates"),  # 237
        (0.99, 133, "does not replicate"),  # 178, below 229.5
        (0.99, 562, "replicates"),  # 750
        (0.99, 750, "does not replicate"),  # 1000, above 918
        (0.999, 1778, "replicates"),  # 2371
        (0.999, 1334, "does not replicate"),  # 1778
        (0.999, 5623, "replicates"),  # 7499
        (0.999, 7499, "does not replicate"),  # 10000
    ],
)
def test_lite_replicates_within_a_factor_of_two(claims, momentum, last, verdict):
    claim = claims("cifar10", {momentum: last})[momentum]
    assert claim.verdict == verdict
    assert claim.interval[0] == last
    assert claim.primary is (momentum == 0.99)
    assert claim.runs == ("made-up",)


def test_averages_that_never_catch_up_do_not_replicate(claims):
    claim = claims("cifar10", {0.999: 10_000})[0.999]
    assert (claim.verdict, claim.value) == ("does not replicate", None)
    assert claim.reason == "more than a point apart at step 10,000"


def test_digits_are_undecided_where_seeds_disagree_and_open_where_some_are_missing(claims):
    def verdict(*last):
        return claims("digits", *({0.9: each} for each in last))[0.9]

    assert verdict(32, 42, 56).verdict == "replicates"
    assert (verdict(32, 42, 56).value, verdict(32, 42, 56).interval) == (56, (42, 75))
    assert verdict(32, 42, 100).verdict == "undecided"
    assert verdict(100, 133, 100).verdict == "does not replicate"
    assert (verdict(32, 42).verdict, verdict(32, 42).reason) == ("open", "2 of 3 seeds")
    assert verdict(32, 42).value is None


def test_without_runs_every_claim_is_open_and_one_is_primary(second):
    found = second.judge(second.measure([]))
    assert {claim.verdict for claim in found} == {"open"}
    assert sum(claim.primary for claim in found) == 1
    assert len(found) == 5
    assert all(claim.statistic.startswith("step from which") for claim in found)


def test_the_distance_from_precise_statistics_is_described(second, made_up_curves):
    found = {"digits": {"0": made_up_curves(1000, {})}}
    distances = second.described(found)["made-up"]["corrected from precise"]
    assert distances == {"0.9": [0.1] * 3, "0.99": [0.1] * 3, "0.999": [0.1] * 3}


@pytest.mark.thorough
def test_a_run_is_followed_once_and_needs_no_weights(second, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(second.UNTIL, "digits", 6)
    overrides = {
        "model.width": 0.05,
        "training.epochs": 1,
        "data.train_limit": 96,
        "data.test_limit": 50,
    }
    config = bnstudy.load_config("c", ["quick"], overrides=overrides)
    bnstudy.run(config, tmp_path / "run")
    (tmp_path / "run" / "weights.npz").unlink()
    found = second.measure([tmp_path / "run"])
    curves = found["digits"]["0"]
    assert curves["steps"] == [1, 2, 3, 4, 6]
    assert set(curves["accuracy"]) == {
        "precise",
        *(f"{kind} {m}" for kind in ("raw", "corrected") for m in second.MOMENTA),
    }
    logged = bnstudy.load_log(tmp_path / "run").metrics["test_accuracy"][-1]
    assert curves["own"] == {"3": [logged, curves["accuracy"]["raw 0.9"][2]]}  # steps an epoch
    assert curves["own"]["3"][0] == curves["own"]["3"][1]
    assert (
        json.loads((tmp_path / "run" / second.FILE).read_text())["found"]["steps"]
        == curves["steps"]
    )
    monkeypatch.setattr(second, "_train", lambda run: pytest.fail("followed twice"))
    assert second.measure([tmp_path / "run"]) == found
    assert not second.UNFINISHED.exists() or not list(second.UNFINISHED.iterdir())


def test_what_is_shown_to_the_network_is_counted(second):
    config = bnstudy.load_config("c", ["quick"])
    tests = 23  # steps
    assert second.evaluations(config)[second.FILE] == pytest.approx(
        3 * 32 * 1000 + tests * 7 * 360, rel=0.05
    )
    assert np.isclose(second.evaluations(bnstudy.load_config("c", ["lite"]))[second.FILE], 3.74e6)
