"""Question 4: the thresholds of README.md, and the verdicts by them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bnstudy.questions.claims import OPEN, Claim, verdict
from bnstudy.report import estimates
from bnstudy.report.verdicts import DOES_NOT, NOT_COMPARABLE, REPLICATES, UNDECIDED

SEEDS, STEPS = 3, 100
GUESS = math.log(10)  # the cost of a guess among ten classes
FAST, SLOW = 0.03, 0.01  # learning rates, see README.md
ARMS = ("none", "BN", "noisy BN", "noise alone", "none, slow")
PUBLISHED_RATE = 1e-6  # of the linear network

Arms = dict[str, dict[int, dict[str, Any]]]  # arm -> seed -> run


def judge(measured: dict[str, Any]) -> list[Claim]:
    """Return the verdicts."""
    arms = by_arm(measured["runs"])
    shifts = [
        _judge_shift(arms, none, rate, kind)
        for none, rate in (("none", FAST), ("none, slow", SLOW))
        for kind in ("relative", "turn")
    ]
    return [
        _judge_stability(arms, "none"),
        _judge_stability(arms, "none, slow"),
        _judge_movement(arms),
        _judge_noise_alone(arms),
        *shifts,
        _judge_linear(measured["linear"][str(PUBLISHED_RATE)]),
    ]


def by_arm(runs: list[dict[str, Any]]) -> Arms:
    """Return the runs of each arm by seed."""
    return {arm: {run["seed"]: run for run in runs if run["arm"] == arm} for arm in ARMS}


def complete(arms: Arms, *names: str) -> tuple[list[list[dict[str, Any]]], Claim]:
    """Return the runs of some arms, seed by seed, and an open claim that says what is missing."""
    seeds = sorted(set.intersection(*(set(arms[name]) for name in names)))
    rows = [[arms[name][seed] for name in names] for seed in seeds]
    runs = tuple(run["name"] for row in rows for run in row)
    reason = "" if len(seeds) >= SEEDS else f"{len(seeds)} of {SEEDS} seeds"
    return rows, Claim("", "", None, None, "", OPEN, reason=reason, runs=runs)


def _each(values: Sequence[float], yes: Sequence[bool], no: Sequence[bool]) -> dict[str, Any]:
    """Return value, interval and verdict of a claim that each seed has to support."""
    mean = estimates.mean(values)
    word = REPLICATES if all(yes) else DOES_NOT if all(no) else UNDECIDED
    reason = "" if word != UNDECIDED else f"seeds: {', '.join(f'{v:.3g}' for v in values)}"
    interval = (mean.low, mean.high)
    return {"value": mean.value, "interval": interval, "verdict": word, "reason": reason}


def _so_far(values: Sequence[float]) -> float | None:
    """Return the mean over the seeds that are there, of a claim that is still open."""
    return float(np.mean(values)) if values else None


def _ratio(logarithms: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Return a ratio and its interval from its logarithms, one for each seed."""
    mean = estimates.mean(logarithms)
    return math.exp(mean.value), (math.exp(mean.low), math.exp(mean.high))


def _judge_stability(arms: Arms, none: str) -> Claim:
    """Judge how much of batch norm's gain noisy batch norm keeps, over `none` at its rate."""
    rows, claim = complete(arms, none, "BN", "noisy BN")
    versus = "none" if none == "none" else f"none at {SLOW}"
    claim = claim._replace(
        name=f"stable distributions are not the reason (against {versus})",
        statistic=f"area under the training cost, ({versus} - noisy BN) / ({versus} - BN)",
        threshold=">= 0.5 in each seed",
        primary=none == "none",
    )
    gains, kept_shares = gains_and_shares(rows)
    if claim.reason:
        return claim._replace(value=_so_far(kept_shares))
    gain = estimates.mean(gains)
    if not all(np.mean(noisy["movement"]) > np.mean(plain["movement"]) for plain, _, noisy in rows):
        reason = "the noise moves the distributions no more than they move without it"
        return claim._replace(verdict=NOT_COMPARABLE, reason=reason)
    if gain.low <= 0:
        reason = f"{versus} - BN, {gain.text(4)}, is not clearly above zero"
        return claim._replace(verdict=UNDECIDED, reason=reason)
    yes, no = ([share >= 0.5 for share in kept_shares], [share <= 0 for share in kept_shares])
    return claim._replace(**_each(kept_shares, yes, no))


def gains_and_shares(rows: list[list[dict[str, Any]]]) -> tuple[list[float], list[float]]:
    """Return none - BN of the areas of each seed, and the share of it that noisy BN keeps."""
    areas = [[float(np.mean(run["costs"])) for run in row] for row in rows]
    gains = [none - normalized for none, normalized, _ in areas]
    lost = [none - noisy for none, _, noisy in areas]
    return gains, [of / gain if gain else math.nan for of, gain in zip(lost, gains, strict=True)]


def _judge_movement(arms: Arms) -> Claim:
    """Judge whether the noise does what it is for."""
    rows, claim = complete(arms, "none", "noisy BN")
    claim = claim._replace(
        name="the noise makes distributions less stable than they are without batch norm",
        statistic="movement of the channel means, noisy BN / none",
        threshold="> 1 in each seed",
    )
    ratios = [np.mean(noisy["movement"]) / np.mean(none["movement"]) for none, noisy in rows]
    if claim.reason:
        return claim._replace(value=_so_far(ratios))
    return claim._replace(**_each(ratios, [r > 1 for r in ratios], [r <= 1 for r in ratios]))


def _judge_noise_alone(arms: Arms) -> Claim:
    """Judge whether the noise without batch norm stops training."""
    rows, claim = complete(arms, "none", "noise alone")
    claim = claim._replace(
        name="noise without batch norm stops training",
        statistic="(ln 10 - cost of noise alone) / (ln 10 - cost of none), last epoch",
        threshold="<= 0.1 in each seed",
    )
    learned = [[GUESS - run["costs"][-1] for run in row] for row in rows]
    shares = [alone / none for none, alone in learned if none > 0]
    if claim.reason:
        return claim._replace(value=_so_far(shares))
    if not all(none > 0 for none, _ in learned):
        reason = "without noise a run has learned nothing, of which there is no share"
        return claim._replace(verdict=UNDECIDED, reason=reason)
    return claim._replace(**_each(shares, [s <= 0.1 for s in shares], [s > 0.1 for s in shares]))


def _judge_shift(arms: Arms, none: str, rate: float, kind: str) -> Claim:
    """Judge whether batch norm reduces internal covariate shift, at one rate and by one measure."""
    rows, claim = complete(arms, none, "BN")
    words = {"relative": "norm", "turn": "cosine"}[kind]
    of = {"relative": "geometric mean of the relative norm", "turn": "mean of 1 - cosine"}[kind]
    claim = claim._replace(
        name=f"batch norm reduces covariate shift: {words}, at {rate}",
        statistic=f"{of}, first {STEPS} steps, BN / none",
        threshold="< 1",
    )
    average = np.mean if kind == "turn" else lambda values: np.exp(np.mean(np.log(values)))
    pairs = [[average(run["shift"][str(rate)][kind]) for run in row] for row in rows]
    logarithms = [math.log(bn / plain) for plain, bn in pairs]
    if claim.reason:
        so_far = _so_far(logarithms)
        return claim if so_far is None else claim._replace(value=math.exp(so_far))
    value, (low, high) = _ratio(logarithms)
    return claim._replace(value=value, interval=(low, high), verdict=verdict((-high, -low), -1))


def _judge_linear(found: dict[str, Any]) -> Claim:
    """Judge whether the linear network trains faster with batch norm although it shifts more."""
    turns = zip(found["none"]["turn"], found["BN"]["turn"], strict=True)
    value, interval = _ratio([math.log(np.mean(bn) / np.mean(none)) for none, bn in turns])
    lasts = list(zip(found["none"]["last"], found["BN"]["last"], strict=True))
    faster, slower = all(bn < none for none, bn in lasts), all(bn >= none for none, bn in lasts)
    word = verdict(interval, 1)
    if slower or (word == REPLICATES and not faster):
        word = DOES_NOT if slower else UNDECIDED
    return Claim(
        name="linear network: more covariate shift with batch norm, and faster",
        statistic=f"mean of 1 - cosine, BN / none, rate {PUBLISHED_RATE:g}; last cost",
        value=value,
        interval=interval,
        threshold="> 1, and the lower cost in each seed",
        verdict=word,
    )
