"""The claims of the post, and the questions it leaves open, judged by the runs of one design.

The statistics, the thresholds and the number of seeds are those of
experiments/three_cases/claims.md, which was written before the runs.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bnstudy.report import measures
from bnstudy.report.arms import FOUR, Design
from bnstudy.report.estimates import Estimate, contrast, seeds_needed
from bnstudy.report.measures import Measure
from bnstudy.report.verdicts import (
    NOT_COMPARABLE,
    NOT_JUDGED,
    SMALL,
    UNDECIDED,
    Rule,
    Verdict,
    above,
    effect,
    every,
    more_than_a_point,
    small_effect,
)
from bnstudy.run_folder.log import RunLog
from bnstudy.run_folder.training_images import read_accuracy

SEEDS = 3  # of each arm; a verdict from fewer is not given
MEMORIZED = 0.95  # training accuracy below which a gap says nothing about generalization

Weights = Mapping[str, float]


@dataclass(frozen=True)
class Claim:
    """A claim about a difference between arms.

    Attributes:
        number: as in claims.md.
        text: the claim, or the question.
        measure: of each run.
        formula: the difference, in words.
        weights: arm -> its weight in the difference.
        rule: from the interval to the verdict.
        threshold: which the interval must exclude.
        beside: further differences, reported and not judged: formula -> measure and weights.

    """

    number: str
    text: str
    measure: Measure
    formula: str
    weights: Weights
    rule: Rule
    threshold: float = 0.0
    beside: tuple[tuple[str, Measure, Weights], ...] = ()


B_A, A_B = {"b": 1.0, "a": -1.0}, {"a": 1.0, "b": -1.0}
A_C, B_C = {"a": 1.0, "c": -1.0}, {"b": 1.0, "c": -1.0}
BATCH_NORM = {"a": -0.5, "b": 0.5, "c": 0.5, "d": -0.5}
AMSGRAD = {"a": -0.5, "b": -0.5, "c": 0.5, "d": 0.5}
INTERACTION = {"a": 1.0, "b": -1.0, "c": 1.0, "d": -1.0}
_LAST = measures.LAST_TEST_ACCURACY

CLAIMS = (
    Claim(
        "i",
        "Batch norm raises test accuracy.",
        measures.TEST_ACCURACY,
        "b - a",
        B_A,
        above(0, accuracy=True),
    ),
    Claim(
        "ii",
        "Batch norm lowers training accuracy.",
        measures.TRAINING_ACCURACY,
        "a - b",
        A_B,
        above(0),
    ),
    Claim(
        "ii b",
        "Batch norm narrows the gap between training and test.",
        measures.PLAIN_GAP,
        "a - b",
        A_B,
        above(0),
    ),
    Claim(
        "iii",
        "Batch norm converges faster.",
        measures.AREA,
        "a - b",
        A_B,
        above(0),
        beside=((f"{measures.EPOCHS_TO_COST.name}, a - b", measures.EPOCHS_TO_COST, A_B),),
    ),
    Claim(
        "v",
        "Case c trails in test accuracy after 21 epochs ...",
        measures.TEST_ACCURACY,
        "a - c",
        A_C,
        above(0, accuracy=True),
        beside=(("the same, b - c", measures.TEST_ACCURACY, B_C),),
    ),
    Claim("v b", "... but generalizes well.", measures.GAP, "a - c", A_C, above(0)),
    *(
        Claim("vi", question, measure, formula, weights, effect(accuracy))
        for measure, accuracy in ((measures.TEST_ACCURACY, True), (measures.AREA, False))
        for question, formula, weights in (
            ("What does batch norm do?", "((b - a) + (c - d)) / 2", BATCH_NORM),
            ("What does AMSGrad do?", "((d - a) + (c - b)) / 2", AMSGRAD),
            ("Does one depend on the other?", "(c - d) - (b - a)", INTERACTION),
        )
    ),
    Claim(
        "vii",
        "What do the author's three wrong derivatives cost by themselves?",
        measures.TEST_ACCURACY,
        "c - c with gradients as posted",
        {"c": 1.0, "c, gradients as posted": -1.0},
        more_than_a_point,
        threshold=SMALL,
    ),
)


def judge(design: Design) -> Iterator[Verdict]:
    """Yield the verdicts on all claims that a design has arms for, in the order of claims.md."""
    for claim in CLAIMS:
        if claim.number == "vii":
            yield from _judge_bias_correction(design)
        if all(design.arms.get(arm) for arm in claim.weights):
            yield _judge(claim, design)


def _judge(claim: Claim, design: Design) -> Verdict:
    measure = claim.measure
    seeds = {arm: tuple(design.runs(arm, measure.epochs)) for arm in claim.weights}
    fewest = min(map(len, seeds.values()))
    verdict = Verdict(
        number=claim.number,
        claim=claim.text,
        statistic=f"{measure.name}: {claim.formula}",
        threshold=claim.threshold,
        verdict=NOT_JUDGED,
        why=f"needs {SEEDS} seeds of each arm" if fewest else f"needs {measure.epochs} epochs",
        seeds=seeds,
        runs=_run_names(design, seeds),
        digits=measure.digits,
    )
    if diverged := design.diverged(claim.weights):
        return replace(verdict, verdict=NOT_COMPARABLE, why=_diverged(diverged))
    if not fewest:
        return verdict
    values = _values(design, measure, {*FOUR, *claim.weights})
    if why := _not_comparable(claim, design, values):
        return replace(verdict, verdict=NOT_COMPARABLE, why=why)
    pool = pooled(values)
    estimate = contrast(values, claim.weights, pool)
    runs = {arm: design.runs(arm, measure.epochs) for arm in values}
    by_seed = {arm: dict(zip(runs[arm], values[arm], strict=True)) for arm in values}
    beside = dict(_beside(claim, design))
    verdict = replace(verdict.with_estimate(estimate, pool), values=by_seed, beside=beside)
    # An arm that only lends its deviation is waited for too: a later seed of it moves the interval.
    if min(map(len, values.values())) < SEEDS:
        return verdict
    word = claim.rule(estimate)
    why = small_effect(word, estimate.high, claim.threshold)
    if word == UNDECIDED:
        why = _how_many_seeds(estimate, claim, len(pool))
    return replace(verdict, verdict=word, why=why)


def _values(design: Design, measure: Measure, arms: set[str]) -> dict[str, list[float]]:
    """Return the values of each arm that has some, in the order of the seeds."""
    found = {
        arm: [measure.of(log) for log in design.runs(arm, measure.epochs).values()]
        for arm in sorted(arms)
        if not design.diverged([arm])  # to take its other runs would be to pick the best
    }
    return {arm: values for arm, values in found.items() if values}


def pooled(values: dict[str, list[float]]) -> list[str]:
    """Return the arms over which the deviation is pooled: of the four, those with a value each."""
    return [arm for arm in FOUR if arm in values and all(map(math.isfinite, values[arm]))]


def _run_names(design: Design, seeds: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    return tuple(design.arms[arm][seed].folder.name for arm in seeds for seed in seeds[arm])


def _not_comparable(claim: Claim, design: Design, values: dict[str, list[float]]) -> str:
    """Return why the arms of a claim cannot be compared, or nothing."""
    if claim.measure is measures.PLAIN_GAP:
        logs = [log for arm in claim.weights for log in design.runs(arm, measures.LAST).values()]
        if max(len(log.metrics["epoch"]) for log in logs) > measures.LAST:
            return f"a run has more than {measures.LAST} epochs, and its weights are of the last"
        found = [read_accuracy(log) for log in logs]
        known = [accuracy for accuracy in found if accuracy is not None]
        if known and min(known) < MEMORIZED:
            return f"a training accuracy is {min(known):.4f}, below {MEMORIZED}"
        if len(known) < len(found):
            return "needs `bnstudy evaluate --images training` of each run"
    if any(not math.isfinite(value) for arm in claim.weights for value in values[arm]):
        return "a run has a cost that is not finite, or never reached the value"
    return ""


def _diverged(runs: Sequence[RunLog]) -> str:
    names = ", ".join(log.folder.name for log in runs)
    return f"{names} diverged"


def _beside(claim: Claim, design: Design) -> Iterator[tuple[str, str]]:
    """Yield what is reported beside a verdict.

    These are the difference paired by seed, that of the last epoch if the claim is about a mean
    test accuracy, and the claim's own list.
    """
    paired = _paired(design, claim.measure, claim.weights)
    if paired is not None:
        yield "paired by seed", paired.text(claim.measure.digits)
    last = [(f"{_LAST.name}, {claim.formula}", _LAST, claim.weights)]
    of_test_accuracy = claim.measure is measures.TEST_ACCURACY
    for name, measure, weights in [*(last if of_test_accuracy else []), *claim.beside]:
        values = _values(design, measure, {*FOUR, *weights})
        if all(values.get(arm) for arm in weights):
            estimate = contrast(values, weights, pooled(values))
            yield name, estimate.text(measure.digits)


def _paired(design: Design, measure: Measure, weights: Weights) -> Estimate | None:
    """Estimate a difference of arms from the seeds that all of them have, seed by seed."""
    runs = {arm: design.runs(arm, measure.epochs) for arm in weights}
    seeds = sorted(set.intersection(*(set(arm) for arm in runs.values())))
    if len(seeds) < 2:
        return None
    differences = [
        sum(weight * measure.of(runs[arm][seed]) for arm, weight in weights.items())
        for seed in seeds
    ]
    return contrast({"": differences}, {"": 1.0})


def _how_many_seeds(estimate: Estimate, claim: Claim, arms: int) -> str:
    needed = seeds_needed(estimate, claim.weights, arms, claim.threshold)
    number = "more than 10,000" if needed is None else f"{needed:,}"
    return (
        f"{number} seeds of each arm would exclude {claim.threshold:g}, were the difference as seen"
    )


def _judge_bias_correction(design: Design) -> Iterator[Verdict]:
    """Yield the verdict on vi b: is AMSGrad's early lead its missing bias correction?"""
    measure, names = measures.FIRST_COST, ("b", "c", "c, bias-corrected")
    runs = {arm: design.runs(arm, measure.epochs) for arm in names}
    seeds = sorted(set.intersection(*(set(arm) for arm in runs.values())))
    if not seeds:
        return
    cost = {arm: np.array([measure.of(runs[arm][seed]) for seed in seeds]) for arm in names}
    lead = cost["b"] - cost["c"]
    shares = (cost["c, bias-corrected"] - cost["c"]) / np.where(lead > 0, lead, math.nan)
    verdict = every(list(-shares), -0.5, "no", "yes")  # half of the lead itself is a yes
    why = "case c does not lead in every seed" if verdict == NOT_COMPARABLE else ""
    diverged = design.diverged(names)
    if diverged or not all(np.isfinite(costs).all() for costs in cost.values()):
        verdict = NOT_COMPARABLE
        why = _diverged(diverged) if diverged else "a cost is not finite"
        shares[:] = math.nan
    if verdict != NOT_COMPARABLE and len(seeds) < SEEDS:
        verdict, why = NOT_JUDGED, f"needs {SEEDS} seeds of each arm"
    yield Verdict(
        number="vi b",
        claim="Is AMSGrad's early lead its missing bias correction?",
        statistic=f"{measure.name}: (c with optimizer.variant keras - c) / (b - c), each seed",
        threshold=0.5,
        verdict=verdict,
        why=why,
        value=None if np.isnan(shares).any() else float(shares.mean()),
        interval=None if np.isnan(shares).any() else (float(shares.min()), float(shares.max())),
        seeds={arm: tuple(seeds) for arm in names},
        values={arm: dict(zip(seeds, v.tolist(), strict=True)) for arm, v in cost.items()},
        beside={
            f"seed {seed}": "not comparable" if math.isnan(share) else f"{share:.3f}"
            for seed, share in zip(seeds, shares, strict=True)
        },
        runs=_run_names(design, {arm: tuple(seeds) for arm in names}),
    )
