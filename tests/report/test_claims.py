"""The verdicts on designs whose curves are chosen so that the answers are known."""

import numpy as np
import pytest
from scipy import stats

from bnstudy.report.arms import FOUR, designs
from bnstudy.report.claims import judge
from bnstudy.run_folder import training_images
from bnstudy.run_folder.files import write_json
from bnstudy.run_folder.log import load_log

NOISE = np.array([-0.002, 0.0, 0.002])  # of the seeds, in every arm: the deviation is 0.002
HALF = stats.t.ppf(0.975, 8) * 0.002 * np.sqrt(2 / 3)  # of a difference of two arms
LEVELS = {"a": 0.80, "b": 0.82, "c": 0.83, "d": 0.79}  # test accuracy


@pytest.fixture
def make_design(make_finished):
    """Return the design of runs with constant curves; levels may differ by arm."""

    def make(test=LEVELS, train=None, cost=None, seeds=3, arms=FOUR, extra=()):
        folders = [
            make_finished(
                arm,
                seed,
                test_accuracy=test[arm] + NOISE[seed],
                train_accuracy=(train or dict.fromkeys(FOUR, 0.9))[arm] + NOISE[seed],
                train_cost=(cost or dict.fromkeys(FOUR, 0.5))[arm] + NOISE[seed],
            )
            for arm in arms
            for seed in range(seeds)
        ]
        (design,) = designs([load_log(folder) for folder in [*folders, *extra]])
        return design

    return make


def named(design, number, start=""):
    (found,) = [v for v in judge(design) if v.number == number and v.statistic.startswith(start)]
    return found


def test_differences_of_known_arms_and_their_pooled_interval(make_design):
    design = make_design()
    for number, value in (("i", 0.02), ("v", -0.03)):
        found = named(design, number)
        assert found.value == pytest.approx(value)
        assert found.interval == pytest.approx((value - HALF, value + HALF))
        assert found.seeds == dict.fromkeys(found.seeds, (0, 1, 2))
    assert named(design, "i").verdict == "replicates"
    assert named(design, "v").verdict == "does not replicate"
    assert named(design, "v").beside["the same, b - c"].startswith("-0.0100 (")
    # The seeds have the same noise in both arms, so that paired differences have none.
    assert named(design, "i").beside["paired by seed"] == "+0.0200 (+0.0200 to +0.0200)"


def test_lower_training_accuracy_and_cost_with_batch_norm(make_design):
    train, cost = {**LEVELS, "a": 0.83}, {"a": 0.8, "b": 0.7, "c": 0.6, "d": 0.8}
    design = make_design(train=train, cost=cost)
    assert named(design, "ii").verdict == "replicates"
    assert named(design, "ii").value == pytest.approx(0.83 - 0.82)
    assert named(design, "iii").verdict == "replicates"
    assert named(design, "iii").value == pytest.approx(0.1)
    assert named(design, "iii").beside == {
        "paired by seed": "+0.1000 (+0.1000 to +0.1000)",
        "epochs until the training cost is below 0.75 nats, a - b": "not reached by every run",
    }
    assert named(design, "v b").value == pytest.approx((0.83 - 0.80) - (0.83 - 0.83))


def test_the_effects_of_a_two_by_two_design(make_design):
    design = make_design(cost={"a": 0.8, "b": 0.7, "c": 0.6, "d": 0.8})
    by_question = {(v.claim, v.statistic[:4]): v for v in judge(design) if v.number == "vi"}
    expected = {
        ("What does batch norm do?", "test"): (0.03, 1),
        ("What does AMSGrad do?", "test"): (0.0, 1),
        ("Does one depend on the other?", "test"): (0.02, 2),
        ("What does batch norm do?", "trai"): (-0.15, 1),
        ("What does AMSGrad do?", "trai"): (-0.05, 1),
        ("Does one depend on the other?", "trai"): (-0.1, 2),
    }
    assert by_question.keys() == expected.keys()
    for key, (value, width) in expected.items():
        found, half = by_question[key], width * HALF / np.sqrt(2)
        assert found.value == pytest.approx(value, abs=1e-12), key
        assert found.interval == pytest.approx((value - half, value + half)), key
    assert by_question["What does AMSGrad do?", "test"].verdict == "none above 0.01"
    assert by_question["What does AMSGrad do?", "trai"].verdict == "effect"


def test_too_few_seeds_are_described_and_not_judged(make_design):
    found = named(make_design(seeds=2), "i")
    assert (found.verdict, found.why) == ("not judged", "needs 3 seeds of each arm")
    assert found.value == pytest.approx(0.02)
    assert found.interval is not None


def test_a_verdict_waits_for_the_arms_that_only_lend_their_deviation(make_design):
    design = make_design()
    del design.arms["d"][2]
    found = named(design, "i")
    assert (found.verdict, found.why) == ("not judged", "needs 3 seeds of each arm")
    assert len(found.seeds["a"]) == len(found.seeds["b"]) == 3


def test_one_seed_has_no_interval(make_design):
    found = named(make_design(seeds=1), "v")
    assert (found.value, found.interval) == (pytest.approx(-0.03), None)


def test_an_undecided_claim_says_how_many_seeds_would_exclude_the_threshold(make_design):
    found = named(make_design(train={"a": 0.803, "b": 0.8, "c": 0.8, "d": 0.8}), "ii")
    assert found.verdict == "undecided"
    needed = next(
        n for n in range(2, 99) if stats.t.ppf(0.975, 4 * (n - 1)) * 0.002 * (2 / n) ** 0.5 < 0.003
    )
    assert found.why == f"{needed} seeds of each arm would exclude 0, were the difference as seen"


def test_without_an_arm_its_claims_are_left_out(make_design):
    assert {v.number for v in judge(make_design(arms="ab"))} == {"i", "ii", "ii b", "iii"}


def test_a_diverged_run_cannot_be_compared(make_design):
    found = named(make_design(cost={"a": np.inf, "b": 0.7, "c": 0.6, "d": 0.8}), "iii")
    assert (found.verdict, found.value) == ("not comparable", None)


@pytest.mark.parametrize(
    ("accuracies", "verdict", "says"),
    [
        ([], "not comparable", "needs `bnstudy evaluate"),
        ([0.99] * 5, "not comparable", "needs `bnstudy evaluate"),
        ([0.99] * 3 + [0.94] * 3, "not comparable", "0.9400, below 0.95"),
        ([0.99] * 3 + [0.98] * 3, "replicates", ""),
    ],
)
def test_the_gap_is_compared_only_of_networks_that_fit_the_training_set(
    make_design, accuracies, verdict, says
):
    design = make_design()
    logs = [design.arms[arm][seed] for arm in "ab" for seed in range(3)]
    for log, accuracy in zip(logs, accuracies, strict=False):
        training_images.write(log.folder, accuracy, 0.1, "float32")
    found = named(design, "ii b")
    assert found.verdict == verdict
    assert says in found.why
    if verdict == "replicates":
        assert found.value == pytest.approx((0.99 - 0.80) - (0.98 - 0.82))


@pytest.mark.parametrize(
    ("first_costs", "verdict"),
    [((1.8, 1.8, 1.8), "yes"), ((1.6, 1.6, 1.6), "no"), ((1.8, 1.8, 1.6), "undecided")],
)
def test_the_share_of_the_lead_that_a_bias_correction_takes(
    make_design, make_finished, first_costs, verdict
):
    extra = [
        make_finished("c, bias-corrected", seed, epochs=3, train_cost=cost)
        for seed, cost in enumerate(first_costs)
    ]
    design = make_design(cost={"a": 2.0, "b": 2.0 - 0.0, "c": 1.5, "d": 1.9}, extra=extra)
    found = named(design, "vi b")
    assert found.verdict == verdict
    shares = [(c - (1.5 + n)) / 0.5 for c, n in zip(first_costs, NOISE, strict=True)]
    assert found.value == pytest.approx(np.mean(shares))
    assert found.interval == pytest.approx((min(shares), max(shares)))


def test_half_of_the_lead_itself_is_enough(make_finished):
    costs = {"b": 2.0, "c": 1.5, "c, bias-corrected": 1.75}
    folders = [
        make_finished(arm, seed, epochs=3, train_cost=cost)
        for arm, cost in costs.items()
        for seed in range(3)
    ]
    (design,) = designs([load_log(folder) for folder in folders])
    found = named(design, "vi b")
    assert (found.verdict, found.value) == ("yes", 0.5)


def test_weights_of_a_later_epoch_say_nothing_about_the_gap_after_epoch_21(
    make_design, make_finished
):
    longer = [
        make_finished(arm, seed, epochs=22, test_accuracy=0.8, train_accuracy=0.9)
        for arm in "ab"
        for seed in range(3)
    ]
    for folder in longer:
        training_images.write(folder, 0.99, 0.1, "float32")
    found = named(make_design(extra=longer), "ii b")
    assert (found.verdict, found.value) == ("not comparable", None)
    assert found.why == "a run has more than 21 epochs, and its weights are of the last"


def test_no_lead_is_no_share(make_design, make_finished):
    extra = [make_finished("c, bias-corrected", s, epochs=3, train_cost=1.6) for s in range(3)]
    found = named(make_design(cost=dict.fromkeys(FOUR, 1.5), extra=extra), "vi b")
    assert (found.verdict, found.value) == ("not comparable", None)


def test_what_wrong_gradients_cost(make_design, make_finished):
    extra = [
        make_finished("c, gradients as posted", s, test_accuracy=0.80 + NOISE[s]) for s in range(3)
    ]
    found = named(make_design(extra=extra), "vii")
    assert found.value == pytest.approx(0.03)
    assert found.interval == pytest.approx((0.03 - HALF, 0.03 + HALF))
    assert found.verdict == "more than a point"


def test_a_gain_below_a_point_is_called_small(make_design):
    design = make_design(test={**LEVELS, "b": 0.802})
    for number, why in (("i", "the difference, if there is one, is below 0.01"), ("v", "")):
        found = named(design, number)
        assert (found.verdict, found.why) == ("does not replicate", why)


@pytest.mark.parametrize("arms", [FOUR, "acd"])  # it has other seeds, or it has none
def test_a_run_that_diverged_early_is_not_passed_over_for_those_that_did_not(
    make_design, make_finished, arms
):
    diverged = make_finished("b", 3, epochs=5)
    write_json(diverged / "result.json", {**load_log(diverged).result, "diverged_at_step": 4000})
    design = make_design(arms=arms, extra=[diverged])
    found = {verdict.number: verdict for verdict in judge(design)}
    for number in ("i", "iii", "vi"):
        assert found[number].verdict == "not comparable"
        assert found[number].why == f"{diverged.name} diverged"
    assert found["v"].verdict == "does not replicate"
    assert set(found["v"].values) == {"a", "c", "d"}, "b does not lend its deviation either"


@pytest.mark.parametrize("arm", ["b", "c, bias-corrected"])
@pytest.mark.parametrize("cost", [np.inf, np.nan])
def test_the_early_lead_is_not_compared_with_a_run_that_diverged(make_finished, arm, cost):
    costs = {"b": 1.5, "c": 1.2, "c, bias-corrected": 1.4}
    folders = [
        make_finished(
            name, seed, epochs=1, train_cost=cost if (name, seed) == (arm, 1) else costs[name]
        )
        for name in costs
        for seed in range(3)
    ]
    logs = [load_log(folder) for folder in folders]
    (design,) = designs(logs)
    assert named(design, "vi b").why == "a cost is not finite"
    (diverged,) = [log for log in logs if not np.isfinite(log.metrics["train_cost"][0])]
    diverged.result["diverged_at_step"] = 7
    found = named(design, "vi b")
    assert (found.verdict, found.value) == ("not comparable", None)
    assert found.why == f"{diverged.folder.name} diverged"
