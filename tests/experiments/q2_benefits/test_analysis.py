"""Question 2: what is read and measured, from runs of its plan and from runs shrunk."""

import inspect
import json
import math
from pathlib import Path

import numpy as np
import pytest
from marks import thorough
from trained_helpers import random_arrays, write_finished_run

from bnstudy.analysis import along_training
from bnstudy.config.load import load_config
from bnstudy.run_folder import weights
from bnstudy.run_folder.files import write_json
from bnstudy.run_folder.log import load_log, read_metrics, result_from, write_metrics
from bnstudy.sweep import load_plan

PLAN = Path(__file__).parents[3] / "experiments/q2_benefits/plan.yaml"


def grid(none, bn):
    """Runs of seed 0 with these last costs, at the rates of the grid."""
    rates = ("0.0003", "0.001", "0.003", "0.01", "0.03", "0.1", "0.3")
    return {
        arm: {rate: {"0": {"costs": [2.0, cost]}} for rate, cost in zip(rates, costs, strict=False)}
        for arm, costs in (("none", none), ("BN", bn))
    }


NONE, BN = (1.9, 1.7, 1.5, 1.4, 1.6, None), (1.9, 1.79, 1.5, 1.3, 1.1, 1.2, 1.4)


@pytest.mark.parametrize(
    ("none", "bn", "expected"),
    [
        (NONE, BN, {"none": "0.01", "BN": "0.03", "small": "0.001"}),
        (NONE, (1.9, 1.81, *BN[2:]), {"none": "0.01", "BN": "0.03", "small": "0.003"}),
        (NONE[:5], BN, {"missing": "seed 0 lacks none at 0.1"}),
        (NONE, BN[:5], {"missing": "seed 0 lacks BN at 0.1, 0.3"}),
        (
            NONE,
            (*BN[:6], 1.0),
            {"missing": "BN is best at its largest rate, 0.3; plan the next one"},
        ),
        ((*NONE[:3], 1.85, 1.86, 1.9), (*BN[:2], 1.9, *BN[3:]), {"none": "0.003"}),
        (
            (1.95, 1.9, 1.85, 1.81, 1.9, None),
            BN,
            {"missing": "at no rate are both costs below 1.8"},
        ),
    ],
)
def test_seed_0_chooses_the_rates_by_training_cost_alone(analysis, none, bn, expected):
    found = analysis.choose(grid(none, bn))
    assert expected.items() <= found.items()
    assert ("missing" in found) == ("missing" in expected)


def test_the_next_rate_can_be_added_to_the_grid(analysis):
    runs = grid(NONE, (*BN[:6], 1.0))
    runs["BN"]["1"] = {"0": {"costs": [2.0, 1.05]}}
    assert analysis.choose(runs)["BN"] == "0.3"


@pytest.mark.parametrize(
    ("none", "bn", "expected"),
    [
        ({0: 0.1, 1: 0.4, 2: 0.5}, {0: 0.5, 1: 0.48, 2: 0.6}, {"none": 2, "BN": 1}),
        ({0: 0.1, 1: 0.4, 2: 0.7}, {0: 0.1, 1: 0.3, 2: 0.5}, {"none": 1, "BN": 2}),
    ],
)
def test_equal_accuracy_is_the_end_of_the_lower_arm_and_the_nearest_epoch_of_the_other(
    analysis, none, bn, expected
):
    assert analysis.equal_epochs({"none": none, "BN": bn}) == expected


def test_the_plan_has_seed_0_first_and_the_grid_that_the_analysis_expects(analysis):
    runs = load_plan(PLAN)
    seeds = [run.config.seed for run in runs]
    assert seeds == sorted(seeds)
    doubling = [run.config for run in runs if run.config.optimizer.double_every]
    kinds = {(analysis.arm_of(config), config.optimizer.name, config.seed) for config in doubling}
    assert len(kinds) == len(doubling) == 2 * 2 * 3
    assert all(config.data.train_limit == 10_000 and not config.data.augment for config in doubling)
    fixed = [run.config for run in runs if not run.config.optimizer.double_every]
    rates = {(analysis.arm_of(c), f"{c.optimizer.learning_rate:g}") for c in fixed if c.seed == 0}
    assert rates == {(arm, rate) for arm, rates in analysis.GRID.items() for rate in rates}
    assert all(config.checkpoint.keep_epochs for config in fixed)


@pytest.fixture
def folders(tmp_path):
    """The finished runs of seed 0, shrunk; every second epoch is as good as the first."""
    small = {"data.name": "digits", "data.train_limit": 40, "data.test_limit": 30}
    small |= {"model.width": 0.03, "training.epochs": 2, "training.batch_size": 8}
    folders = []
    for run in load_plan(PLAN):
        if run.config.seed == 0:
            config = load_config(overrides={**run.config.flat(), **small})
            folders.append(write_finished_run(tmp_path / run.folder.name, config))
            _set_costs(folders[-1], config)
            for epoch in (1, 2) if config.checkpoint.keep_epochs else ():
                arrays = random_arrays(config, seed=epoch)
                weights.save_epoch(folders[-1], config, epoch, arrays)
    return folders


def _set_costs(folder, config):
    """Make 0.01 the best rate of none, and 0.03 that of BN; the doubling none diverges."""
    best = 0.01 if config.model.batch_norm == "none" else 0.03
    cost = 1.2 + 0.1 * abs(np.log10(config.optimizer.learning_rate / best))
    last = math.nan if folder.name == "doubling-none_seed-0" else float(cost)
    *rows, end = read_metrics(folder / "metrics.csv")
    write_metrics(folder, rows := [*rows, end._replace(train_cost=last)])
    write_json(folder / "result.json", result_from(rows, config, 1))


def stand_in(run, epoch, batches=4, frozen=False, tolerance=1e-2):
    """A sharpness that is another one for other arguments."""
    return 1000.0 * len(run.name) + 10 * epoch + frozen + batches * tolerance


STAND_INS = {
    "accuracies": lambda run, images: {0: 0.1, 1: 0.3, 2: 0.4 + 0.1 * run.name.startswith("bn")},
    "sharpness": stand_in,
    "predictiveness": lambda run, batches=4, multiples=along_training.MULTIPLES: [
        along_training.Predictiveness(epoch, len(run.name) + epoch, float(epoch))
        for epoch in (0, 1, 2)
    ],
}


def cached(function):
    """Cache a function, however its arguments are given."""
    cache, signature = {}, inspect.signature(function)

    def call(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        key = tuple(bound.arguments.values())
        if key not in cache:
            cache[key] = function(*args, **kwargs)
        return cache[key]

    return call


@pytest.fixture(params=["stand-ins", *thorough("as they are")])
def measures(request, monkeypatch):
    """The measures of `along_training`, each made once; or what is as telling and quick."""
    if request.param == "stand-ins":
        found = STAND_INS
    else:
        found = {name: cached(getattr(along_training, name)) for name in STAND_INS}
    for name, function in found.items():
        monkeypatch.setattr(along_training, name, function)


@pytest.mark.usefixtures("measures")
def test_runs_are_measured_as_the_page_says_and_only_once(analysis, folders, monkeypatch):
    found = analysis.measure(folders)
    json.dumps(found, allow_nan=False)
    assert found["chosen"] == {"none": "0.01", "BN": "0.03", "small": "0.0003"}
    assert found["doubling"]["none"]["momentum"]["0"]["costs"][-1] is None
    assert found["doubling"]["BN"]["adam"]["0"]["run"] == "doubling-adam-bn_seed-0"
    run = found["fixed"]["none"]["0.03"]["0"]
    assert run["accuracies"] == load_log(folders[4]).metrics["test_accuracy"].tolist()
    assert run["steps"] == 5  # of 40 images in batches of 8
    none, bn = (
        next(f for f in folders if f.name == n) for n in ("none-0.01_seed-0", "bn-0.03_seed-0")
    )
    sharp, epochs = found["sharpness"]["0"], found["sharpness"]["0"]["epochs"]
    assert sharp["none"] == pytest.approx(along_training.sharpness(none, epochs["none"]))
    assert sharp["BN"] == pytest.approx(along_training.sharpness(bn, epochs["BN"]))
    assert sharp["frozen"] == pytest.approx(along_training.sharpness(bn, epochs["BN"], frozen=True))
    along = found["predictiveness"]
    assert set(along["none"]) == set(along["BN"]) == {"0"}
    at_none = next(folder for folder in folders if folder.name == "bn-0.01_seed-0")
    expected = along_training.predictiveness(at_none)
    assert along["BN"]["0"]["range"] == pytest.approx([each.spread for each in expected])
    assert along["BN"]["0"]["change"] == pytest.approx([each.change for each in expected])
    for name in ("accuracies", "sharpness", "predictiveness"):
        monkeypatch.setattr(along_training, name, None)  # none is called again
    assert analysis.measure(folders) == found


def test_what_is_kept_is_made_anew_where_the_page_measures_otherwise(
    analysis, tmp_path, monkeypatch
):
    """Each number of the page that goes into a measurement, by itself."""
    run = tmp_path / "run"
    run.mkdir()
    calls = []
    results = {"accuracies": {1: 0.5}, "sharpness": 1.0, "predictiveness": []}
    for name, result in results.items():
        monkeypatch.setattr(
            along_training, name, lambda *_, n=name, r=result, **__: calls.append(n) or r
        )

    def made():
        calls.clear()
        analysis.sharpness(dict.fromkeys(analysis.ARMS, run))
        analysis.predictiveness(run)
        return set(calls)

    assert made() == set(results)
    assert made() == set()
    for name, value, anew in (
        ("IMAGES", 1000, {"accuracies"}),
        ("BATCHES", 3, {"sharpness", "predictiveness"}),
        ("TOLERANCE", 1e-3, {"sharpness"}),
        ("MULTIPLES", (1.0, 2.0), {"predictiveness"}),
    ):
        monkeypatch.setattr(analysis, name, value)
        assert made() == anew


def test_a_run_whose_last_step_of_an_epoch_diverged_is_broken(analysis, make_run):
    """The training cost is that of the steps before their update: only the test has noticed."""
    overrides = {"training.epochs": 4, "training.on_divergence": "record"}
    folder = make_run("run", epochs=2, change={"test_cost": np.nan}, case="c", overrides=overrides)
    result = result_from(read_metrics(folder / "metrics.csv"), load_log(folder).config, 1)
    write_json(folder / "result.json", result | {"diverged_at_step": 9})
    log = load_log(folder)
    run = analysis.read(log)
    assert np.isfinite(log.metrics["train_cost"]).all()
    assert run["costs"][-1] is None
    assert analysis.judging.breaking(run)[1]
    assert analysis.judging.last(run) == np.inf


def test_an_incomplete_grid_is_read_and_not_measured(analysis, folders):
    found = analysis.measure([folder for folder in folders if folder.name != "bn-0.3_seed-0"])
    assert found["chosen"] == {"missing": "seed 0 lacks BN at 0.3"}
    assert "sharpness" not in found
    assert {claim.verdict for claim in analysis.judge(found)} == {"open"}


def test_the_time_of_a_step_is_the_median_of_the_rounds(analysis, tmp_path, monkeypatch):
    rows = [
        {"name": name, "precision": "float32", "training_ms_by_round": rounds}
        for name, rounds in (("case c", [5, 9, 6]), ("case c, model.batch_norm=none", [4, 3, 8]))
    ]
    monkeypatch.setattr(analysis, "HERE", tmp_path)
    assert analysis.milliseconds() == {}
    (tmp_path / "bench.json").write_text(json.dumps({"rows": rows, "network": {"width": 1}}))
    assert analysis.milliseconds() == {"none": 4, "BN": 6}
