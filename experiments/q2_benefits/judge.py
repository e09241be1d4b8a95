"""Question 2: the thresholds of README.md, and the verdicts by them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bnstudy.questions.claims import OPEN, Claim, verdict
from bnstudy.report.estimates import mean
from bnstudy.report.measures import epochs_until
from bnstudy.report.verdicts import DOES_NOT, NOT_COMPARABLE, REPLICATES, UNDECIDED

NONE, BN = ARMS = ("none", "BN")
SEEDS, GUESS = ("0", "1", "2"), math.log(10)
PAGE, BJORCK, FLATTER, ACCURACY, ALIKE = 4.0, 0.25, 3.0, 0.50, 0.03

Run = Mapping[str, Any]
Seeds = Mapping[str, Run]  # seed -> run
Measured = Mapping[str, Any]


def judge(measured: Measured) -> list[Claim]:
    """Judge all claims."""
    doubling = measured["doubling"]
    name = "i a. batch norm permits larger rates, with momentum"
    first = judge_breaking(name, {arm: doubling[arm].get("momentum", {}) for arm in ARMS})
    adam = {arm: doubling[arm].get("adam", {}) for arm in ARMS}
    return [
        first._replace(primary=True),
        judge_breaking("i b. batch norm permits larger rates, with Adam", adam),
        judge_small_rate(measured),
        *judge_sharpness(measured),
        *judge_predictiveness(measured),
        *judge_speed(measured),
    ]


def last(run: Run) -> float:
    """Return the training cost of the last epoch, inf if it is not finite."""
    cost = run["costs"][-1]
    return math.inf if cost is None else float(cost)


# --- (i) ------------------------------------------------------------------------------------------


def breaking(run: Run) -> tuple[float, bool]:
    """Return the rate at which training breaks, and True; or the largest rate, and False."""
    learned = False
    for rate, cost in zip(run["rates"], run["costs"], strict=True):
        if cost is None or (learned and cost > GUESS):
            return rate, True
        learned = learned or cost < 2.0
    return run["rates"][-1], False


def judge_breaking(name: str, runs: Mapping[str, Seeds]) -> Claim:
    """Judge the ratio of the breaking rates, each seed by itself."""
    claim = _claim(name, "breaking rate, BN / none: least, and range", f">= {PAGE:g} in each", runs)
    seeds = _paired(runs)
    none, bn = ([breaking(runs[arm][seed]) for seed in seeds] for arm in ARMS)
    ratios = [with_bn / without for (without, _), (with_bn, _) in zip(none, bn, strict=True)]
    if ratios:
        claim = claim._replace(value=min(ratios), interval=(min(ratios), max(ratios)))
    if claim.reason:
        return claim
    if not all(broken for _, broken in none):
        reason = "without batch norm, a run has not broken; it needs more epochs"
        return _incomparable(claim, reason)
    unbroken = not all(broken for _, broken in bn)
    reason = "a lower bound: with some seed, BN has not broken" if unbroken else ""
    word = REPLICATES if min(ratios) >= PAGE else UNDECIDED
    if max(ratios) < PAGE and not unbroken:
        word = DOES_NOT
    return claim._replace(verdict=word, reason=reason)


# --- (ii) -----------------------------------------------------------------------------------------


def judge_small_rate(measured: Measured) -> Claim:
    """Judge whether the gap in training cost nearly vanishes at a small rate."""
    name = "ii. at a small rate its advantage nearly vanishes"
    statistic = "gap in training cost, none - BN: a quarter at the best rates, minus at the small"
    best, small = (_chosen(measured, *rates) for rates in ((NONE, BN), ("small", "small")))
    claim = _claim(name, statistic, "> 0", {**_labelled(best), **_labelled(small)}, measured)
    gaps = [
        [last(runs[NONE][1][seed]) - last(runs[BN][1][seed]) for runs in (best, small)]
        for seed in _paired({**_labelled(best), **_labelled(small)})
    ]
    claim = _estimated(claim, [BJORCK * at_best - at_small for at_best, at_small in gaps])
    if claim.reason or claim.interval is None:
        return claim
    gap = mean([at_best for at_best, _ in gaps])
    if not gap.low > 0:
        reason = f"the gap at the best rates is {gap.text(3)}, not above 0"
        return claim._replace(verdict=UNDECIDED, reason=reason)
    return claim._replace(verdict=verdict(claim.interval, 0.0))


# --- (iii) to (v): ratios -------------------------------------------------------------------------


def judge_sharpness(measured: Measured) -> list[Claim]:
    """Judge the ratios of the largest eigenvalues."""
    runs, found = _labelled(_chosen(measured, NONE, BN)), measured.get("sharpness", {})
    apart = max((abs(np.subtract(*f["accuracies"].values())) for f in found.values()), default=0)
    blocked = f"training accuracies are {apart:.3f} apart" if apart > ALIKE + 1e-9 else ""
    frozen = [each["frozen"] / each[BN] for each in found.values()]
    none = [each[NONE] / each[BN] for each in found.values()]
    name = "iii a. the motion of the statistics flattens the cost"
    other = "iii b. the cost is flatter with batch norm"
    eigenvalue = "largest eigenvalue"
    return [
        _ratio(name, f"{eigenvalue}, frozen / BN", FLATTER, runs, measured, frozen),
        _ratio(other, f"{eigenvalue}, none / BN", FLATTER, runs, measured, none, blocked),
    ]


def judge_predictiveness(measured: Measured) -> list[Claim]:
    """Judge the ratios of the medians over a run's batches."""
    runs, found = _labelled(_chosen(measured, NONE, NONE)), measured.get("predictiveness", {})
    seeds = [s for s in SEEDS if all(s in found.get(arm, {}) for arm in ARMS)]
    claims = []
    for name, what in (
        ("iv a. the gradient predicts the cost better", "range"),
        ("iv b. the gradient predicts itself better", "change"),
    ):
        medians = [[median(found[arm][seed][what]) for arm in ARMS] for seed in seeds]
        lost = not all(math.isfinite(x) for pair in medians for x in pair)
        blocked = "half of the points of a run are not finite" if lost else ""
        ratios = [none / bn for none, bn in medians]
        statistic = f"median {what} along the gradient, none / BN"
        claims.append(_ratio(name, statistic, 1, runs, measured, ratios, blocked))
    return claims


def median(values: Sequence[float | None]) -> float:
    """Return the median, where None is larger than all numbers."""
    return float(np.median([math.inf if value is None else value for value in values]))


def judge_speed(measured: Measured) -> list[Claim]:
    """Judge the steps, and the time, until a test accuracy is reached."""
    runs = _labelled(_chosen(measured, NONE, BN))
    steps = [[steps_until(each[seed]) for each in runs.values()] for seed in _paired(runs)]
    never = any(math.isnan(x) for pair in steps for x in pair)
    blocked = f"a run does not reach {ACCURACY}" if never else ""
    ratios, time = [none / bn for none, bn in steps], measured.get("milliseconds", {})
    what = f"to a test accuracy of {ACCURACY:.2f}, none / BN"
    fewer = _ratio("v a. fewer steps", f"steps {what}", 1, runs, measured, ratios, blocked)
    if set(time) != set(ARMS):
        claim = fewer._replace(name="v b. less time", value=None, interval=None, verdict=OPEN)
        return [fewer, claim._replace(reason="no bench.json with both arms")]
    cost = time[NONE] / time[BN]
    times = [ratio * cost for ratio in ratios]
    return [fewer, _ratio("v b. less time", f"time {what}", 1, runs, measured, times, blocked)]


def steps_until(run: Run) -> float:
    """Return the steps until the test accuracy is reached, NaN if it never is."""
    reached = np.nextafter(-ACCURACY, 0)  # 0.50 itself counts, and `epochs_until` wants less
    return run["steps"] * epochs_until(-np.array(run["accuracies"]), reached)


def _ratio(
    name: str,
    statistic: str,
    threshold: float,
    runs: Mapping[str, Seeds],
    measured: Measured,
    ratios: Sequence[float],
    blocked: str = "",
) -> Claim:
    """Judge ratios, one per seed, by their logarithms."""
    claim = _claim(name, statistic, f"> {threshold:g}", runs, measured)
    if blocked:
        return claim if claim.reason else _incomparable(claim, blocked)
    claim = _estimated(claim, np.log(ratios))
    if claim.value is not None:
        claim = claim._replace(value=math.exp(claim.value))
    if claim.interval is None:
        return claim
    low, high = map(math.exp, claim.interval)
    claim = claim._replace(interval=(low, high))
    return claim if claim.reason else claim._replace(verdict=verdict((low, high), threshold))


# --- runs and claims ------------------------------------------------------------------------------


def _chosen(measured: Measured, none: str, bn: str) -> dict[str, tuple[str, Seeds]]:
    """Return each arm's runs at a chosen rate ("none", "BN" or "small"), with what to call them."""
    chosen, found = measured["chosen"], {}
    for arm, name in zip(ARMS, (none, bn), strict=True):
        rate = chosen.get(name, "?")
        found[arm] = (f"{arm} at {rate}", measured["fixed"][arm].get(rate, {}))
    return found


def _labelled(runs: Mapping[str, tuple[str, Seeds]]) -> dict[str, Seeds]:
    return dict(runs.values())


def _paired(runs: Mapping[str, Seeds]) -> list[str]:
    """Return the seeds that all have."""
    return [seed for seed in SEEDS if all(seed in seeds for seeds in runs.values())]


def _claim(
    name: str,
    statistic: str,
    threshold: str,
    runs: Mapping[str, Seeds],
    measured: Measured | None = None,
) -> Claim:
    """Return an open claim, with the reason if runs are missing."""
    names = tuple(run["run"] for seeds in runs.values() for run in seeds.values())
    lacks = {who: [s for s in SEEDS if s not in seeds] for who, seeds in runs.items()}
    reason = "; ".join(f"{who} lacks {_seeds(s)}" for who, s in lacks.items() if s)
    if measured is not None and "missing" in measured["chosen"]:
        names, reason = (), measured["chosen"]["missing"]
    return Claim(name, statistic, None, None, threshold, OPEN, reason=reason, runs=names)


def _seeds(names: Sequence[str]) -> str:
    return f"seed{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _incomparable(claim: Claim, reason: str) -> Claim:
    return claim._replace(verdict=NOT_COMPARABLE, reason=reason)


def _estimated(claim: Claim, values: Sequence[float] | np.ndarray) -> Claim:
    """Return a claim with the mean over the seeds and its interval, as far as there are some."""
    if not len(values):
        return claim
    if not np.isfinite(values).all():
        return claim if claim.reason else _incomparable(claim, "a run has diverged")
    found = mean(values)
    interval = None if math.isnan(found.low) else (found.low, found.high)
    return claim._replace(value=found.value, interval=interval)
