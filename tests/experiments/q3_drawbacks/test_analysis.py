"""Question 3: every verdict can be reached, every threshold counts, and runs are evaluated once."""

import json
from pathlib import Path

import numpy as np
import pytest
from trained_helpers import random_arrays, write_finished_run

import bnstudy
from bnstudy.config.load import load_config
from bnstudy.data.batches import epoch_order
from bnstudy.data.dataset import load_dataset
from bnstudy.errors import UserError
from bnstudy.questions.claims import Claim
from bnstudy.sweep import load_plan

ROOT = Path(__file__).parents[3]
PLAN = ROOT / "experiments/q3_drawbacks/plan.yaml"
PREFIXES = ("i a", "i b", "i c", "i d", "ii", "iii a", "iii b", "iv a", "iv b")
REPLICATES, DOES_NOT, UNDECIDED = "replicates", "does not replicate", "undecided"


def claims_of(analysis, measured):
    claims = {claim.name.partition(":")[0]: claim for claim in analysis.judge(measured)}
    assert tuple(claims) == PREFIXES
    return claims


# --- the verdicts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "changes", "verdict"),
    [
        ("i a", {"rise": 0.151}, REPLICATES),
        ("i a", {"rise": 0.149}, DOES_NOT),
        ("i b", {"gain": 0.101}, REPLICATES),
        ("i b", {"gain": 0.099}, DOES_NOT),
        ("i b", {"gain": 0.101, "spread": 0.01}, UNDECIDED),
        ("i c", {"gain": 0.331}, "its own"),
        ("i c", {"gain": 0.329}, "not its own"),
        ("i c", {"gain_without": 0.329}, "not its own"),
        ("i c", {"gain_without": 0.331}, "more without it"),
        ("i c", {"spread": 0.02}, UNDECIDED),
        ("i d", {"bright": 0.049}, REPLICATES),
        ("i d", {"bright": 0.051}, DOES_NOT),
        ("i d", {"bright": 0.051, "spread": 0.01}, UNDECIDED),
        ("ii", {"in_order": 0.201}, REPLICATES),
        ("ii", {"in_order": 0.199}, DOES_NOT),
        ("ii", {"in_order": 0.201, "spread": 0.01}, UNDECIDED),
        ("iii a", {"posted": 0.009}, REPLICATES),
        ("iii a", {"posted": 0.011}, DOES_NOT),
        ("iii b", {"small": 0.011}, REPLICATES),
        ("iii b", {"small": 0.009}, DOES_NOT),
        ("iii b", {"small": 0.011, "spread": 0.01}, UNDECIDED),
    ],
)
def test_a_verdict_is_on_either_side_of_its_threshold(analysis, measured, claim, changes, verdict):
    found = claims_of(analysis, measured(**changes))[claim]
    assert found.verdict == verdict
    low, high = found.interval
    assert low <= found.value <= high


def test_the_posts_own_claim_is_undecided_where_its_seeds_differ(analysis, measured):
    different = measured(posted=0.011)
    different["runs"]["case b"]["0"]["precise"] += 0.02
    assert claims_of(analysis, different)["iii a"].verdict == UNDECIDED


def test_a_claim_without_all_its_seeds_is_open(analysis, measured):
    claims = claims_of(analysis, measured(seeds=2, rise=0.35, spread=0.02))
    off = -0.01  # the mean of the first two seeds' spread of -0.02 and 0
    so_far = {"i a": 0.35, "i b": 0.3 + off, "i c": off, "i d": 0.01 + off}
    for name, value in (so_far | {"ii": 0.4 + off, "iii b": 0.03 + off}).items():
        assert claims[name].interval is None
        assert claims[name].value == pytest.approx(value, abs=1e-12)
        assert (claims[name].verdict, claims[name].reason) == ("open", "2 of 3 seeds")
    assert claims["iii a"].verdict == REPLICATES  # two seeds of each
    one = claims_of(analysis, measured(seeds=1))["iii a"]
    assert one.reason == "1 of 2 seeds of case b and 1 of 2 seeds of case c"
    assert one.value == pytest.approx(0.002)
    nothing = {"runs": {}, "bench": {}, "described": analysis.described({})}
    assert {(claim.verdict, claim.value) for claim in analysis.judge(nothing)} == {("open", None)}


def test_the_control_pairs_seeds(analysis, measured):
    half = measured()
    del half["runs"]["none"]["1"]
    assert claims_of(analysis, half)["i c"].reason == "2 of 3 seeds"


def test_two_more_seeds_count_together_and_for_the_control_alone(analysis, measured):
    five = measured(seeds=5, spread=0.02)
    claims = claims_of(analysis, five)
    assert claims["i c"].value == pytest.approx(0.02)  # the mean of -0.02, 0, 0.02, 0.04, 0.06
    assert len(claims["i c"].runs) == 10
    assert claims["i b"].value == pytest.approx(0.3)
    assert len(claims["i b"].runs) == len(claims["ii"].runs) == len(claims["i d"].runs) == 3
    for missing, value, runs in (("4", 0.0, 6), ("2", -0.01, 4), ("1", -0.02, 2)):
        del five["runs"]["none"][missing]  # of seeds 0, 1, 2: all, two, one
        claims = claims_of(analysis, five)
        assert claims["i c"].value == pytest.approx(value, abs=1e-12)
        assert len(claims["i c"].runs) == runs


def test_every_claim_stands_on_the_page(analysis, measured):
    page = (ROOT / "experiments/q3_drawbacks/README.md").read_text(encoding="utf-8")
    for claim in analysis.judge(measured()):
        assert claim.name in page


def test_exactly_one_claim_is_primary_and_claims_name_their_runs(analysis, measured):
    claims = claims_of(analysis, measured())
    assert [claim.name for claim in claims.values() if claim.primary] == [claims["i c"].name]
    assert claims["i c"].runs == tuple(
        f"{arm}_seed-{n}" for arm in ("bn", "none") for n in range(3)
    )
    assert len(claims["iii a"].runs) == 4
    assert all(isinstance(claim, Claim) for claim in claims.values())


@pytest.mark.parametrize(
    ("name", "times", "verdicts"),
    [
        ("case c", [110, 120, 130], (REPLICATES, DOES_NOT)),
        ("case c", [90, 95, 99], (DOES_NOT, "not comparable")),
        ("case c, bn.scale=false, bn.center=false", [101, 111, 121], (REPLICATES, REPLICATES)),
    ],
)
def test_time_is_judged_by_every_round(analysis, measured, rows, name, times, verdicts):
    for row in rows:
        row["training_ms_by_round"] = times if row["name"] == name else row["training_ms_by_round"]
    bench = {"here": {"file": "there/here.json", "network": {"width": 0.25}, "rows": rows}}
    claims = claims_of(analysis, measured(bench=bench))
    assert (claims["iv a"].verdict, claims["iv b"].verdict) == verdicts
    assert claims["iv a"].runs == ("there/here.json",)
    assert claims["iv a"].name == "iv a: batch norm takes longer (here, float32)"
    both = {"here": bench["here"], "there": bench["here"]}
    assert len(analysis.judge(measured(bench=both))) == len(PREFIXES) + 2


def test_benchmarks_without_rounds_leave_time_open_and_say_what_to_do(analysis, measured):
    claims = claims_of(analysis, measured())
    assert claims["iv a"].verdict == claims["iv b"].verdict == "open"
    assert (claims["iv a"].threshold, claims["iv b"].threshold) == ("above 1", "above 0.5")
    assert "come from bnstudy bench --preset lite --also bn.scale" in claims["iv a"].reason


def test_benchmarks_are_those_of_the_folder_of_published_runs(analysis, rows, tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps({"network": {"width": 0.25}, "rows": rows}))
    found = analysis.benchmarks(tmp_path)
    assert {name: bench["file"] for name, bench in found.items()} == {
        "mine": f"{tmp_path.as_posix()}/mine.json"
    }
    own = analysis.benchmarks(tmp_path / "none")  # there is none: those of the checkout
    assert own["lite"]["file"] == "logs/published/bench/lite.json"


def test_the_default_place_is_read_before_the_checkout(analysis, rows, tmp_path, monkeypatch):
    place = tmp_path / "logs/published/bench"
    place.mkdir(parents=True)
    (place / "mine.json").write_text(json.dumps({"network": {"width": 0.25}, "rows": rows}))
    monkeypatch.chdir(tmp_path)
    assert list(analysis.benchmarks(Path("logs/published/bench"))) == ["mine"]


def test_a_benchmark_of_convolutions_is_left_out_and_a_damaged_one_is_one_line(
    analysis, rows, tmp_path
):
    of_one = {"rows": [{"convolution": "3x3", "ratio": 1.0}], "network": {"width": 0.25}}
    (tmp_path / "convolutions.json").write_text(json.dumps(of_one))
    assert analysis.benchmarks(tmp_path) == {}
    for damaged in (
        {"rows": [{"name": "x"}], "network": {"width": 0.25}},
        {"rows": rows},
        {"rows": [*rows, rows[0]], "network": {"width": 0.25}},
        {"rows": "none", "network": {"width": 0.25}},
    ):
        (tmp_path / "mine.json").write_text(json.dumps(damaged))
        with pytest.raises(UserError, match=r"mine\.json is"):
            analysis.benchmarks(tmp_path)


# --- the plan and its evaluations -----------------------------------------------------------------


def test_the_plan_has_every_arm_by_seed_and_the_published_cases(analysis):
    runs = load_plan(PLAN)
    arms = [(analysis.arm_of(run.config), run.config.seed) for run in runs]
    own = ("none", "bn", "batch 4", "batch 16", "batch 50")
    expected = [(arm, seed) for seed in (0, 1, 2) for arm in own]
    expected += [(arm, seed) for seed in (3, 4) for arm in own[:2]]  # three left it undecided
    assert arms == expected + [(f"case {case}", seed) for seed in (0, 1) for case in "abc"]
    published = [run.config for run in load_plan(ROOT / "experiments/three_cases/lite.yaml")]
    assert all(run.config in published for run in runs[len(expected) :])


def test_as_many_images_are_evaluated_as_the_page_says(analysis):
    images = {
        run.folder.name: analysis.evaluations(run.config)["q3_drawbacks.json"]
        for run in load_plan(PLAN)
        if run.config.seed == 0
    }
    clean_and_seven, everything = 8, 61
    both = 10_000 + 2 * everything * 1000 + 2 * 5000  # training images, overview, orders
    assert images["none_seed-0"] == 2 * clean_and_seven * 5000 + both
    assert images["bn_seed-0"] == 3 * clean_and_seven * 5000 + both + 6 * 5000 + 10_000
    assert images["batch-4_seed-0"] == 20_000
    assert images["case-b_lite_seed-0"] == 3 * clean_and_seven * 1000 + 20_000
    assert sum(images.values()) == pytest.approx(700_000, rel=0.01)


@pytest.fixture
def small(analysis, monkeypatch):
    """The analysis with few images."""
    changes = {"DECIDING": 40, "OVERVIEW": 20, "TRAINING": 64, "BATCH": 20}
    for name, value in {**changes, "SIZES": (1, 8, 20), "SORTED": 8}.items():
        monkeypatch.setattr(analysis, name, value)
    return analysis


def shrunk(config, **changes):
    """A configuration of the plan on the digits, so narrow that nothing takes long."""
    small = {"data.name": "digits", "data.test_limit": 50, "model.width": 0.05, "data.dir": None}
    if config.data.train_limit:
        small["data.train_limit"] = 100
    return load_config(overrides={**config.flat(), **small, **changes})


def of_the_plan(name):
    return next(run.config for run in load_plan(PLAN) if run.folder.name == name)


@pytest.fixture
def folders(tmp_path):
    """Finished run folders of four arms, with weights that nobody trained."""
    names = ("none_seed-0", "bn_seed-0", "batch-4_seed-0", "case-b_lite_seed-0")
    configs = {name: shrunk(of_the_plan(name)) for name in names}
    return [
        write_finished_run(tmp_path / name, config, random_arrays(config))
        for name, config in configs.items()
    ]


@pytest.mark.thorough
def test_runs_are_evaluated_as_the_page_says_and_only_once(small, folders, monkeypatch):
    first = small.measure(folders)
    json.dumps(first, allow_nan=False)
    assert list(first["runs"]) == ["none", "bn", "batch 4", "case b"]
    bn, none = first["runs"]["bn"]["0"], first["runs"]["none"]["0"]
    assert list(bn["deciding"]) == ["moving", "precise", "batch"]
    assert list(bn["overview"]) == ["precise", "batch"]
    assert len(bn["overview"]["batch"]) == 1 + 12 * 5
    assert list(none["deciding"]) == list(none["overview"]) == ["moving", "source"]
    assert len(first["runs"]["case b"]["0"]["overview"]["moving"]) == 1 + 7
    assert "precise" not in none
    assert "deciding" not in first["runs"]["batch 4"]["0"]
    of_runs = [
        claim for claim in small.judge(first | {"bench": {}}) if not claim.name.startswith("iv ")
    ]
    assert {claim.verdict for claim in of_runs} == {"open"}  # the others are of benchmarks
    monkeypatch.setattr(small, "evaluate", None)  # it is not called again
    assert small.measure(folders) == first


def test_runs_are_evaluated_anew_where_the_page_corrupts_otherwise(small, folders, monkeypatch):
    made = []
    monkeypatch.setattr(small, "evaluate", lambda run, arm: made.append(arm) or {})
    fewer = {name: small.CORRUPTIONS[name] for name in (*small.claims.SIX, "brightness")}
    function, (*constants, _) = fewer["fog"]
    stronger = {**fewer, "fog": (function, (*constants, (2.5, 3)))}
    for count, name, value in (
        (1, "OVERVIEW", small.OVERVIEW),
        (1, "OVERVIEW", small.OVERVIEW),
        (2, "CORRUPTIONS", fewer),
        (3, "CORRUPTIONS", stronger),
        (4, "DECIDING", 39),
    ):
        monkeypatch.setattr(small, name, value)
        small.measure(folders[2:3])
        assert len(made) == count
    monkeypatch.setattr(small.claims, "SIX", small.claims.SIX[:5])
    small.measure(folders[2:3])
    assert len(made) == 5


@pytest.mark.thorough
def test_the_images_and_statistics_are_those_of_the_page(small, tmp_path):
    from bnstudy.analysis.choice import Statistics
    from bnstudy.analysis.corruptions import corrupt
    from bnstudy.analysis.statistics import classifier, training_batches, training_moments

    run = tmp_path / "run"
    changes = {"training.epochs": 1, "model.width": 0.1, "optimizer.learning_rate": 3e-3}
    bnstudy.run(shrunk(of_the_plan("bn_seed-0"), **changes), run)
    found = small.evaluate(run, "bn")
    network = bnstudy.load_model(run)
    data = load_dataset(network.run.config.data)
    order = epoch_order(0, 0, 50)
    images, labels = data.test_images[order], data.test_labels[order]
    moments = training_moments(network, training_batches(network, 64))

    def accuracy(kind, size, images, labels):
        logits = classifier(network, Statistics(kind, size), moments)(images)
        return float((logits.argmax(1) == labels).mean())

    assert found["precise"] == accuracy("precise", 20, images, labels)
    foggy = corrupt(images[:40], "fog", 5)
    for kind in ("moving", "precise", "batch"):
        assert found["deciding"][kind]["fog 5"] == accuracy(kind, 20, foggy, labels[:40])
    few = corrupt(images[:20], "contrast", 2)
    assert found["overview"]["batch"]["contrast 2"] == accuracy("batch", 20, few, labels[:20])
    assert found["sizes"]["1"] == accuracy("batch", 1, images[:40], labels[:40])
    by_class = sorted(range(40), key=lambda i: labels[i])
    orders = found["orders"]
    assert orders["random"] == accuracy("batch", 8, images[:40], labels[:40])
    assert orders["of classes"] == accuracy("batch", 8, images[by_class], labels[by_class])
    different = {*found["sizes"].values(), orders["of classes"], found["precise"]}
    assert len(different) >= 4, "all answers are alike: nothing is tested"


def test_what_is_shown_beside_the_claims(analysis, measured):
    described = measured()["described"]
    gains = described["gain over the six, from"]
    assert gains["bn"]["0"] == pytest.approx({"moving": 0.6, "precise": 0.3})
    assert gains["none"]["2"] == pytest.approx({"moving": 0.3})
    assert gains["case c"]["1"] == pytest.approx({"moving": 0.2, "precise": 0.1})
    rises = described["rise over the six"]
    assert rises["bn"]["0"] == pytest.approx({"moving": 0.45, "precise": 0.35, "batch": 0.04})
    assert rises["none"]["0"] == pytest.approx({"moving": 0.35, "source": 0.04})
    assert rises["case b"]["0"] == pytest.approx({"moving": 0.3, "precise": 0.2, "batch": 0.1})
    bright = described["gain under brightness, from"]
    assert bright["bn"]["1"]["precise"] == pytest.approx(0.01)
    assert bright["case c"]["1"] == pytest.approx({"moving": 0.2, "precise": 0.1})
    assert described["precise - moving"]["bn"]["0"] == pytest.approx(0.15)
    np.testing.assert_allclose(
        described["accuracy by size of the test batch"]["bn"]["1"]["2"], 0.55
    )
