"""Question 4: its plan has the arms of README.md, and each verdict follows its thresholds."""

import filecmp
import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest

import bnstudy
from bnstudy.plots.style import save
from bnstudy.run_folder.log import read_metrics, write_metrics
from bnstudy.sweep import load_plan

FOLDER = Path(__file__).parents[3] / "experiments/q4_covariate_shift"
SMALL = {
    "data.name": "digits",
    "data.train_limit": 40,
    "data.test_limit": 10,
    "model.width": 0.05,
    "training.batch_size": 20,
    "training.epochs": 1,
}
COSTS = {"none": 1.6, "BN": 1.2, "noisy BN": 1.3, "noise alone": 2.29, "none, slow": 1.5}
MOVEMENT = {"none": 0.1, "BN": 0.2, "noisy BN": 0.9, "noise alone": 0.9, "none, slow": 0.05}
LINEAR = {
    "none": {"every": 20, "turn": [[0.1, 0.1], [0.1, 0.2], [0.2, 0.2]], "last": [5.0, 6.0, 7.0]},
    "BN": {"every": 20, "turn": [[0.8, 0.9], [0.9, 0.9], [1.0, 0.9]], "last": [2.0, 3.0, 4.0]},
}


@pytest.fixture(scope="module")
def analysis():
    spec = importlib.util.spec_from_file_location("q4_analysis", FOLDER / "analysis.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made_up(change=None, seeds=3):
    """Return what `measure` returns, for runs that nobody made; all claims but the shift hold."""
    runs = []
    for seed in range(seeds):
        for arm, cost in COSTS.items():
            shift = {
                rate: {"relative": [0.5, 0.3 + 0.01 * seed] * 5, "turn": [0.2 + 0.01 * seed, 0.1]}
                for rate in ("0.03", "0.01")
            }
            run = {"name": f"{arm}-{seed}", "arm": arm, "seed": seed, "shift": shift}
            run |= {"costs": [2.1, cost - 0.01 * seed, cost], "movement": [MOVEMENT[arm]] * 4}
            runs.append(run)
            if change:
                change(run)
    return {"runs": runs, "linear": {"1e-06": LINEAR, "1e-05": LINEAR}, "described": {}}


def with_area(arm, seed, area):
    def change(run):
        if (run["arm"], run["seed"]) == (arm, seed):
            run["costs"] = [area] * 3

    return change


def verdicts(analysis, measured):
    return [claim.verdict for claim in analysis.judge(measured)]


# ------------------------------------------------------------------------------- the runs


def test_the_plan_has_every_arm_and_seed_0_comes_first(analysis):
    runs = load_plan(FOLDER / "plan.yaml")
    arms = [(run.config.seed, analysis.arm_of(run.config)) for run in runs]
    assert arms == [(seed, arm) for seed in (0, 1, 2) for arm in analysis.ARMS]
    for run in runs:
        config = run.config
        rate = analysis.SLOW if analysis.arm_of(config) == "none, slow" else analysis.FAST
        assert config.optimizer.learning_rate == rate
        assert (config.optimizer.name, config.optimizer.beta_1, config.optimizer.decay) == (
            *("momentum", 0.9, 0),
        )
        assert (config.data.train_limit, config.training.epochs) == (20_000, 6)
        assert (config.data.augment, config.bn.placement) == (False, "after_hidden_conv")
        assert (config.model.width, config.training.on_divergence) == (0.25, "record")
    images = {r.folder.name: analysis.evaluations(r.config)["first_steps.json"] for r in runs}
    assert images["none_seed-0"] == images["none-slow_seed-1"] == 5000 * 31
    assert (images["bn_seed-0"], images["noisy-bn_seed-2"]) == (5000 * 58, 5000 * 4)


@pytest.mark.thorough
def test_a_run_is_measured_from_its_folder_and_its_first_steps(analysis, monkeypatch, tmp_path):
    from bnstudy.analysis.first_steps import movement_over_steps, shift_over_steps
    from bnstudy.data.dataset import load_dataset

    linear = {1e-6: LINEAR, 1e-5: LINEAR}
    monkeypatch.setattr(analysis.linear_network, "compare", lambda rate, seeds: linear[rate])
    monkeypatch.setattr(analysis, "STEPS", 2)
    plan = load_plan(FOLDER / "plan.yaml")
    (planned,) = (r.config for r in plan if r.folder.name == "bn_seed-1")
    config = bnstudy.load_config(overrides={**planned.flat(), **SMALL})
    bnstudy.run(config, tmp_path / "bn")
    measured = analysis.measure([tmp_path / "bn"])
    (run,) = measured["runs"]
    assert (run["name"], run["arm"], run["seed"]) == ("bn", "BN", 1)
    log = bnstudy.load_log(tmp_path / "bn")
    assert run["costs"] == log.metrics["train_cost"].tolist()
    dataset = load_dataset(config.data)
    movement = movement_over_steps(config, dataset, 2).movement
    assert run["movement"] == pytest.approx(movement.mean(axis=1))
    slow = bnstudy.load_config(overrides={**config.flat(), "optimizer.learning_rate": 0.01})
    expected = shift_over_steps(slow, dataset, 2)
    found = run["shift"]["0.01"]
    assert found["relative"] == pytest.approx(np.prod(expected.relative, axis=1) ** (1 / 8))
    assert found["turn"] == pytest.approx(1 - expected.cosines.mean(axis=1))
    assert run["shift"]["0.03"]["relative"][0] > found["relative"][0]
    assert {claim.verdict for claim in analysis.judge(measured)[:-1]} == {"open"}
    monkeypatch.setattr(analysis, "first_steps", None)  # it is kept beside the run
    again = analysis.measure([tmp_path / "bn"])
    assert json.dumps(again) == json.dumps(measured)


def test_epochs_that_a_diverged_run_lacks_cost_as_much_as_a_guess(analysis, monkeypatch, make_run):
    monkeypatch.setattr(analysis.linear_network, "compare", lambda rate, seeds: LINEAR)
    monkeypatch.setattr(analysis, "first_steps", lambda config: {"movement": [], "shift": {}})
    folder = make_run(
        "run",
        epochs=2,
        change={"train_cost": math.nan},
        case="a",
        overrides={"training.epochs": 4, "bn.noise": True, "training.on_divergence": "record"},
    )
    (run,) = analysis.measure([folder])["runs"]
    assert run["costs"] == [math.log(10)] * 4
    assert run["arm"] == "noise alone"


def test_all_epochs_after_a_cost_that_is_not_finite_count_as_a_guess(
    analysis, monkeypatch, make_run
):
    monkeypatch.setattr(analysis.linear_network, "compare", lambda rate, seeds: LINEAR)
    monkeypatch.setattr(analysis, "first_steps", lambda config: {"movement": [], "shift": {}})
    folder = make_run("run", epochs=3, case="c", overrides={"training.epochs": 3})
    rows = read_metrics(folder / "metrics.csv")
    costs = [1.5, math.inf, 1.2]
    write_metrics(folder, [row._replace(train_cost=c) for row, c in zip(rows, costs, strict=True)])
    (run,) = analysis.measure([folder])["runs"]
    assert run["costs"] == [1.5, math.log(10), math.log(10)]


def test_first_steps_are_made_anew_at_other_rates(analysis, monkeypatch, make_run):
    made = []
    monkeypatch.setattr(analysis.linear_network, "compare", lambda rate, seeds: LINEAR)
    monkeypatch.setattr(
        analysis, "first_steps", lambda config: made.append(1) or {"movement": [], "shift": {}}
    )
    folder = make_run("run", case="c")
    for count, rate in ((1, analysis.SLOW), (1, analysis.SLOW), (2, 0.02)):
        monkeypatch.setattr(analysis, "SLOW", rate)
        analysis.measure([folder])
        assert len(made) == count


# ------------------------------------------------------------------------------- the verdicts


def test_all_claims_have_a_verdict_and_one_is_primary(analysis):
    claims = analysis.judge(made_up())
    assert [claim.primary for claim in claims] == [True] + [False] * 8
    assert [claim.verdict for claim in claims] == [
        *["replicates"] * 4,
        *["undecided"] * 4,  # both arms shift the same
        "replicates",
    ]
    first = claims[0]
    areas = {arm: (4.2 + 3 * cost) / 3 for arm, cost in COSTS.items()}  # of seed 0, up to 2.1
    expected = (areas["none"] - areas["noisy BN"]) / (areas["none"] - areas["BN"])
    assert first.value == pytest.approx(expected)
    assert first.runs[:3] == ("none-0", "BN-0", "noisy BN-0")
    json.dumps([claim._asdict() for claim in claims])


@pytest.mark.parametrize(
    ("noisy", "expected"),
    [
        ((1.5, 1.5, 1.5), "replicates"),  # exactly half of the gain, from 2 to 1
        ((1.5, 1.5, 1.52), "undecided"),
        ((2.0, 2.0, 2.3), "does not replicate"),
        ((2.0, 1.98, 2.3), "undecided"),
        ((1.2, 1.1, 0.9), "replicates"),
    ],
)
@pytest.mark.parametrize(("none", "place"), [("none", 0), ("none, slow", 1)])
def test_half_of_the_gain_must_stay_in_each_seed(analysis, noisy, expected, none, place):
    def change(run):
        areas = {none: 2.0, "BN": 1.0, "noisy BN": noisy[run["seed"]]}
        if run["arm"] in areas:
            run["costs"] = [areas[run["arm"]]] * 3

    claim = analysis.judge(made_up(change))[place]
    assert claim.verdict == expected
    assert claim.value == pytest.approx(2 - np.mean(noisy))
    assert bool(claim.reason) is (expected == "undecided")


def test_without_a_gain_nothing_is_decided(analysis):
    """None - BN is 0.4 in two seeds and -0.3 in the third: its interval reaches zero."""
    claim = analysis.judge(made_up(with_area("BN", 2, 2.0)))[0]
    assert claim.verdict == "undecided"
    assert "is not clearly above zero" in claim.reason
    assert claim.value is None

    def worse(run):
        if run["arm"] == "BN":
            run["costs"] = [2.2] * 3

    claim = analysis.judge(made_up(worse))[0]  # a loss in every seed is no gain either
    assert claim.verdict == "undecided"


@pytest.mark.parametrize(
    ("movement", "expected"), [(0.11, "replicates"), (0.1, "undecided"), (0.09, "undecided")]
)
def test_the_noise_must_move_the_distributions_more_in_each_seed(analysis, movement, expected):
    def change(run):
        if (run["arm"], run["seed"]) == ("noisy BN", 1):
            run["movement"] = [movement] * 4

    claims = analysis.judge(made_up(change))
    assert claims[2].verdict == expected
    comparable = expected == "replicates"
    assert claims[0].verdict == ("replicates" if comparable else "not comparable")
    assert claims[1].verdict == "replicates"  # none at its own rate moves half as much


def test_noise_that_moves_nothing_is_a_failed_condition(analysis):
    def change(run):
        run["movement"] = [0.1] * 4

    assert verdicts(analysis, made_up(change))[:3] == [
        *["not comparable"] * 2,
        "does not replicate",
    ]


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ((2.25, 2.3, 2.5), "replicates"),  # of the 0.7 that none learns, less than a tenth
        ((2.23, 2.3, 2.3), "undecided"),
        ((2.2, 2.0, 1.9), "does not replicate"),
    ],
)
def test_noise_alone_must_leave_a_tenth_at_most_of_what_is_learned(analysis, costs, expected):
    def change(run):
        if run["arm"] == "noise alone":
            run["costs"] = [1.0, 1.0, costs[run["seed"]]]  # the last epoch decides

    claim = analysis.judge(made_up(change))[3]
    assert claim.verdict == expected
    learned = math.log(10) - COSTS["none"]
    assert claim.value == pytest.approx((math.log(10) - np.mean(costs)) / learned)


@pytest.mark.parametrize("cost", [math.log(10), 2.4])
def test_of_nothing_learned_there_is_no_share(analysis, cost):
    def change(run):
        if (run["arm"], run["seed"]) == ("none", 1):
            run["costs"] = [cost] * 3

    claim = analysis.judge(made_up(change))[3]
    assert (claim.verdict, claim.value) == ("undecided", None)
    assert claim.reason == "without noise a run has learned nothing, of which there is no share"


def test_equal_areas_are_no_gain_and_the_figure_can_be_drawn(analysis):
    def change(run):
        run["costs"] = [math.log(10)] * 3

    found = made_up(change)
    claims = analysis.judge(found)
    assert [claim.verdict for claim in claims[:2]] == ["undecided"] * 2
    analysis.draw(found, claims)


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ((0.5, 0.52, 0.48), "replicates"),
        ((2, 2.1, 1.9), "does not replicate"),
        ((0.5, 0.9, 1.2), "undecided"),
        ((0.97, 0.975, 0.98), "replicates"),
        ((0.97, 0.98, 0.99), "undecided"),  # 4.3 standard errors reach 1
    ],
)
@pytest.mark.parametrize(
    ("rate", "kind", "place"),
    [("0.03", "relative", 4), ("0.03", "turn", 5), ("0.01", "relative", 6), ("0.01", "turn", 7)],
)
def test_covariate_shift_is_less_if_the_interval_is_below_1(
    analysis, factors, expected, rate, kind, place
):
    def change(run):
        if run["arm"] == "BN":
            values = run["shift"][rate]
            values[kind] = [factors[run["seed"]] * value for value in values[kind]]

    claims = analysis.judge(made_up(change))
    assert claims[place].verdict == expected
    assert claims[place].value == pytest.approx(np.prod(factors) ** (1 / 3))
    others = {claim.verdict for i, claim in enumerate(claims[4:8], start=4) if i != place}
    assert others == {"undecided"}


def test_the_norm_s_mean_is_geometric_and_the_cosine_s_is_not(analysis):
    def change(run):
        if run["arm"] == "BN":
            values = run["shift"]["0.03"]
            values["relative"] = [values["relative"][0] * 4, values["relative"][1] / 4] * 5
            values["turn"] = [values["turn"][0] * 2, values["turn"][1] * 2]

    claims = analysis.judge(made_up(change))
    assert claims[4].value == pytest.approx(1)
    assert claims[5].value == pytest.approx(2)


@pytest.mark.parametrize(
    ("turns", "lasts", "expected"),
    [
        ((0.8, 0.9, 1.0), (2.0, 3.0, 4.0), "replicates"),
        ((0.8, 0.9, 1.0), (2.0, 3.0, 7.5), "undecided"),
        ((0.8, 0.9, 1.0), (5.0, 6.0, 7.5), "does not replicate"),
        ((0.05, 0.06, 0.07), (2.0, 3.0, 4.0), "does not replicate"),
        ((0.05, 0.9, 0.9), (2.0, 3.0, 4.0), "undecided"),
    ],
)
def test_the_linear_network_must_shift_more_and_be_faster(analysis, turns, lasts, expected):
    found = made_up()
    normalized = {"every": 20, "turn": [[turn, turn] for turn in turns], "last": list(lasts)}
    found["linear"]["1e-06"] = {"none": LINEAR["none"], "BN": normalized}
    assert analysis.judge(found)[-1].verdict == expected


def test_claims_without_all_seeds_are_open(analysis):
    claims = analysis.judge(made_up(seeds=2))
    assert {claim.verdict for claim in claims[:-1]} == {"open"}
    assert {claim.reason for claim in claims[:-1]} == {"2 of 3 seeds"}
    assert claims[-1].verdict == "replicates"
    found = made_up()
    found["runs"] = [run for run in found["runs"] if run["name"] != "noise alone-1"]
    claims = analysis.judge(found)
    assert [claim.name for claim in claims if claim.verdict == "open"] == [claims[3].name]


def test_an_open_claim_shows_the_mean_over_the_seeds_that_are_there(analysis):
    ones = [analysis.judge(made_up(with_area("noisy BN", 0, 1.3), seeds=1)), None]
    found = made_up(with_area("noisy BN", 0, 1.3), seeds=2)
    both = analysis.judge(found)
    found["runs"] = [run for run in found["runs"] if run["seed"] == 1]
    ones[1] = analysis.judge(found)
    for index in range(4):
        assert both[index].value == pytest.approx(np.mean([one[index].value for one in ones]))
    for index in range(4, 8):  # ratios: a geometric mean
        logarithms = [math.log(one[index].value) for one in ones]
        assert both[index].value == pytest.approx(math.exp(np.mean(logarithms)))
    assert ones[0][0].value != pytest.approx(ones[1][0].value)
    assert ones[0][2].value == pytest.approx(MOVEMENT["noisy BN"] / MOVEMENT["none"])
    found["runs"] = []
    assert [claim.value for claim in analysis.judge(found)[:-1]] == [None] * 8


# ------------------------------------------------------------------------------- figure, page


def gains_in(axes, marker):
    """The values of one arm's points: squares are BN, triangles are noisy BN."""
    return [
        float(y) for line in axes.lines if line.get_marker() == marker for y in line.get_ydata()
    ]


def test_a_gain_far_below_zero_is_inside_its_panel(analysis):
    found = made_up(with_area("noisy BN", 0, 4.0))
    gains = analysis.draw(found, analysis.judge(found)).axes[2]
    low, high = gains.get_ylim()
    assert low < min(gains_in(gains, "^")) < -1
    assert max(gains_in(gains, "s")) < high


def test_the_figure_shows_what_was_measured(analysis, tmp_path):
    found = made_up()
    claims = analysis.judge(found)
    figure = analysis.draw(found, claims)
    costs, movement, gains, relative, _, linear = figure.axes
    assert [line.get_label() for line in costs.lines] == list(analysis.ARMS)
    np.testing.assert_allclose(costs.lines[0].get_xydata()[-1], [3, 1.6])
    np.testing.assert_allclose(movement.lines[2].get_ydata(), [0.9] * 3)
    np.testing.assert_allclose(relative.lines[1].get_xydata()[0], [5, (0.5 + 0.31) / 2])
    np.testing.assert_allclose(linear.lines[0].get_xydata()[1], [20, np.mean([0.1, 0.2, 0.2])])
    kept_by_noise = np.divide(gains_in(gains, "^"), gains_in(gains, "s")).reshape(2, 3)
    np.testing.assert_allclose(kept_by_noise.mean(axis=1), [c.value for c in claims[:2]])
    np.testing.assert_allclose(gains_in(gains, "_"), np.array(gains_in(gains, "s")) / 2)
    assert [text.get_text() for text in gains.texts] == ["replicates", "replicates"]
    one, two = (save(analysis.draw(found, claims), tmp_path / f"{n}.png") for n in "ab")
    assert filecmp.cmp(one, two, shallow=False)


def test_the_figure_can_be_drawn_before_there_are_runs(analysis):
    found = {**made_up(), "runs": []}
    figure = analysis.draw(found, analysis.judge(found))
    assert [text.get_text() for text in figure.axes[2].texts] == ["open", "open"]
    assert len(figure.legends[0].get_texts()) == 5


def test_the_page_states_the_numbers_of_the_analysis(analysis):
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    words = " ".join(page.split())
    for phrase in (
        f"the first {analysis.STEPS} steps of none and of BN",
        f"| none | no | no | {analysis.FAST} |",
        f"| none, slow | no | no | {analysis.SLOW} |",
        "at least 0.5 in each seed | at most 0 in each seed",
        "above 1 in each seed | at most 1 in each seed",
        "at most 0.1 in each seed | above 0.1 in each seed",
        "](figure.png)",
        "<!-- verdict -->",
        "<!-- end of verdict -->",
    ):
        assert phrase in words, phrase
