"""Question 1: every verdict can be reached, every threshold counts, and runs are evaluated once."""

import json
from pathlib import Path

import numpy as np
import pytest
from trained_helpers import random_arrays, write_finished_run

import bnstudy
from bnstudy.analysis.choice import Statistics
from bnstudy.analysis.statistics import classifier
from bnstudy.config.load import load_config
from bnstudy.data import digits
from bnstudy.plots.style import save
from bnstudy.questions.find import load_file
from bnstudy.sweep import load_plan

FOLDER = Path(__file__).parents[3] / "experiments/q1_regularizer"
REPLICATES, DOES_NOT, UNDECIDED = "replicates", "does not replicate", "undecided"
COMPARED = ("none", "BN", "renormalized", "ghost 8")


@pytest.fixture(scope="module")
def analysis():
    return load_file(FOLDER / "analysis.py")


def made_up(seeds=3, spread=0.001, training=1.0, **test):
    """Return what `measure` might; the arms' test accuracies over the seeds have this spread."""
    tests = {"none": 0.60, "BN": 0.64, "renormalized": 0.61, "ghost 8": 0.64}
    costs = {"none": 0.4, "BN": 0.6, "renormalized": 0.5, "ghost 8": 0.8}
    tests |= {name.replace("_", " "): value for name, value in test.items()}
    arms = {
        arm: {
            str(seed): {
                "run": f"{arm}_seed-{seed}",
                "training": training,
                "test": tests[arm] + spread * (seed - 1),
                "costs": [2.0, costs[arm], costs[arm] / 10],
                "logged": [0.3, 0.5, tests[arm]],
            }
            for seed in range(seeds)
        }
        for arm in COMPARED
    }
    return {"arms": arms, "described": {}}


def verdicts(analysis, measured):
    return {claim.name[0]: claim.verdict for claim in analysis.judge(measured)}


@pytest.mark.parametrize(
    ("claim", "changes", "verdict"),
    [
        ("a", {"BN": 0.604}, REPLICATES),
        ("a", {"BN": 0.596, "spread": 1e-4}, DOES_NOT),
        ("a", {"BN": 0.602}, DOES_NOT),  # at most 0 and below 0.01: the effect is small
        ("a", {"BN": 0.608, "spread": 0.006}, UNDECIDED),
        ("b", {"renormalized": 0.617}, REPLICATES),
        ("b", {"renormalized": 0.623}, DOES_NOT),
        ("b", {"renormalized": 0.619}, UNDECIDED),
        ("b", {"BN": 0.59}, "not comparable"),
        ("d", {"ghost_8": 0.633}, REPLICATES),
        ("d", {"ghost_8": 0.627}, DOES_NOT),
        ("d", {"ghost_8": 0.631}, UNDECIDED),
        ("e", {}, "yes"),
        ("e", {"ghost_8": 0.6}, "no"),
        ("e", {"renormalized": 0.63}, "no"),
        ("e", {"ghost_8": 0.631}, UNDECIDED),
        ("e", {"BN": 0.59}, "not comparable"),
    ],
)
def test_a_verdict_is_on_either_side_of_its_threshold(analysis, claim, changes, verdict):
    assert verdicts(analysis, made_up(**changes))[claim] == verdict


def test_while_the_gain_is_open_nobody_says_that_there_is_none(analysis):
    """Renormalized does not fit, which is known before the other seeds are there."""
    measured = made_up(seeds=1)
    measured["arms"]["renormalized"]["0"]["training"] = 0.99
    gain, loses, slower, _, noise = analysis.judge(measured)
    assert gain.verdict == slower.verdict == "open"
    assert noise.verdict == "not comparable"  # no further seed can change that
    assert loses.verdict == "not comparable"
    assert loses.reason.startswith("the training accuracy of renormalized_seed-0 is 0.9900")


def test_a_small_gain_is_called_small_and_a_loss_is_not(analysis):
    small, loss = (analysis.judge(made_up(BN=bn, spread=1e-4))[0] for bn in (0.60005, 0.596))
    assert (small.verdict, loss.verdict) == (DOES_NOT, DOES_NOT)
    assert small.reason == "the difference, if there is one, is below 0.01"
    assert loss.reason == ""


def test_ghosts_fit_more_slowly_by_the_mean_training_cost_of_all_epochs(analysis):
    measured = made_up()
    for seed, first in zip("012", (2.00, 2.01, 2.02), strict=True):
        measured["arms"]["ghost 8"][seed]["costs"] = [first, 0.6, 0.0]
    claim = analysis.judge(measured)[2]
    assert claim.value == pytest.approx(2.61 / 3 - 2.66 / 3)
    assert claim.verdict == DOES_NOT
    assert verdicts(analysis, measured)["e"] == "no"


def test_the_interval_is_pooled_over_the_arms_of_the_statistic(analysis):
    claim = analysis.judge(made_up(spread=0.005))[0]
    # standard deviation 0.005 in each of two arms of three seeds: 4 degrees of freedom
    half = 2.7764451 * 0.005 * np.sqrt(2 / 3)
    assert claim.interval == pytest.approx((0.04 - half, 0.04 + half), rel=1e-6)
    assert claim.value == pytest.approx(0.04)
    assert claim.primary
    assert len(claim.runs) == 6


@pytest.mark.parametrize(("training", "fits"), [(0.995, True), (0.9949, False)])
def test_accuracies_are_compared_only_where_the_training_images_are_learned(
    analysis, training, fits
):
    found = made_up()
    found["arms"]["BN"]["1"]["training"] = training
    claims = analysis.judge(found)
    assert (claims[0].verdict == REPLICATES) == fits
    assert claims[2].verdict == REPLICATES  # a cost needs no fit
    if not fits:
        assert [claim.verdict for claim in claims if claim.name[0] in "abde"] == [
            "not comparable"
        ] * 4
        assert claims[0].reason.startswith("the training accuracy of BN_seed-1 is 0.9949")
        assert "at equal training cost, BN 0.6400, none 0.5944" in claims[0].reason


def test_at_equal_training_cost_the_arm_that_fits_more_is_read_earlier(analysis):
    one = {"costs": [2.0, 1.0, 0.4], "logged": [0.2, 0.4, 0.5]}
    other = {"costs": [1.6, 0.8, 0.2, 0.1], "logged": [0.3, 0.5, 0.62, 0.7]}
    expected = (0.5, 0.5 + 2 / 3 * 0.12, 0.4)  # cost 0.4 is two thirds from 0.8 to 0.2
    assert analysis.at_equal_cost(one, other) == pytest.approx(expected)
    first, second, _ = expected
    assert analysis.at_equal_cost(other, one) == pytest.approx((second, first, 0.4))


def test_a_claim_without_all_its_seeds_is_open_but_shows_its_value(analysis):
    claims = analysis.judge(made_up(seeds=1))
    assert {claim.verdict for claim in claims} == {"open"}
    assert claims[0].reason == "1 of 3 seeds of BN, 1 of 3 seeds of none"
    assert (claims[0].value, claims[0].interval) == (pytest.approx(0.04), None)
    assert [claim.value for claim in analysis.judge({"arms": {}})] == [None] * 5


def test_the_plan_has_every_arm_by_seed(analysis):
    runs = load_plan(FOLDER / "plan.yaml")
    arms = [(analysis.arm_of(run.config), run.config.seed) for run in runs]
    four = ["BN", "none", "ghost 8", "renormalized"]
    assert arms == [(arm, seed) for seed in (0, 1, 2) for arm in four + ["as posted"] * (seed == 0)]
    for run in runs:
        assert run.config.data.train_limit % run.config.training.batch_size == 0
        assert not run.config.data.augment
    images = {run.folder.name: analysis.evaluations(run.config) for run in runs}
    assert images["bn_seed-0"] == {"q1_regularizer.json": 5120 + 5120 + 10_000}
    assert images["none_seed-0"] == {"q1_regularizer.json": 5120 + 10_000}


@pytest.fixture
def folders(tmp_path):
    """Two runs of the plan, shrunk: without batch norm with random weights, with it trained."""
    runs = {run.folder.name: run.config for run in load_plan(FOLDER / "plan.yaml")}
    small = {"data.name": "digits", "model.width": 0.05, "training.epochs": 2}
    small |= {"data.train_limit": 128, "data.test_limit": 50}
    none, bn = (
        load_config(overrides={**runs[name].flat(), **small})
        for name in ("none_seed-0", "bn_seed-0")
    )
    write_finished_run(tmp_path / "none_seed-0", none, random_arrays(none))
    bnstudy.run(bn, tmp_path / "bn_seed-0")
    return [tmp_path / "none_seed-0", tmp_path / "bn_seed-0"]


@pytest.mark.thorough
def test_runs_are_evaluated_with_precise_statistics_on_all_test_images_and_only_once(
    analysis, folders, monkeypatch
):
    found = analysis.measure(folders)
    json.dumps(found, allow_nan=False)
    train_images, train_labels, test_images, test_labels = digits.load()
    for arm, folder, kind in zip(("none", "BN"), folders, ("moving", "precise"), strict=True):
        run, network = found["arms"][arm]["0"], bnstudy.load_model(folder)
        classify = classifier(network, Statistics(kind))
        right = classify(test_images).argmax(axis=1) == test_labels
        assert run["test"] == right.mean()
        assert len(right) > 50  # the plan's limit holds for the curves alone
        assert run["run"] == folder.name
        assert run["logged"] == network.run.metrics["test_accuracy"].tolist()
    limited = bnstudy.data.dataset.balanced_subset(train_images, train_labels, 128)
    assert found["arms"]["BN"]["0"]["training"] == pytest.approx(
        (classify(limited[0]).argmax(axis=1) == limited[1]).mean()
    )
    monkeypatch.setattr(analysis, "evaluate", None)  # it is not called again
    assert analysis.measure(folders) == found


def test_the_figure_shows_every_arm_and_the_verdict(analysis, tmp_path):
    measured = made_up(training=0.99)
    figure = analysis.draw(measured, analysis.judge(measured))
    curves, _, ends = figure.axes
    assert [line.get_label() for line in curves.lines] == list(COMPARED)
    assert [tick.get_text() for tick in ends.get_xticklabels()] == list(COMPARED)
    assert {line.get_markerfacecolor() for line in ends.lines} == {"none"}
    assert figure.get_suptitle().endswith("not comparable")
    assert save(figure, tmp_path / "figure.png").stat().st_size > 10_000


def test_the_figure_can_be_drawn_before_there_are_runs(analysis, tmp_path):
    figure = analysis.draw({"arms": {}}, analysis.judge({"arms": {}}))
    assert save(figure, tmp_path / "figure.png").stat().st_size > 10_000
