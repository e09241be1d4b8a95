"""The claims of question 3, judged by the thresholds of README.md."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bnstudy.questions.claims import OPEN, Claim, verdict
from bnstudy.report.estimates import Estimate, contrast, mean
from bnstudy.report.runs import Benchmark
from bnstudy.report.speed import judge_speed

SEEDS, MORE = ("0", "1", "2"), ("3", "4")  # of all claims; of i c, since three left it undecided
SIX = ("gaussian_noise", "shot_noise", "impulse_noise", "contrast", "fog", "pixelate")
BENCH = "logs/published/bench"
COMMAND = (
    "bnstudy bench --preset lite --also bn.scale=false,bn.center=false --json "
    f"> {BENCH}/cases_lite.json"
)

# What is computed for each claim.
RISE = "bn, precise: mean error over the six - error on clean images"
GAIN = "bn: mean error over the six, precise - batch"
CONTROL = "gain of bn (precise - batch) - gain of none (as it is - source), mean error over the six"
FAULT = "its own: above 0.03; not its own: within 0.03; more without it: below -0.03"
BRIGHT = "bn: error under brightness, precise - batch"
ORDER = "bn: accuracy under batches of 128 in random order - in the order of the classes"
POSTED = "published b and c: test accuracy, precise - moving"
SMALL = "bn, trained with batches of 4: test accuracy, precise - moving"


def six(accuracies: Mapping[str, float]) -> float:
    """Return the mean error over the six corruptions at severity 5."""
    return float(np.mean([1 - accuracies[f"{name} 5"] for name in SIX]))


def rise(scores: Mapping[str, Any], kind: str) -> float:
    """Return by how much the six raise the error over that on clean images."""
    return six(scores[kind]) - (1 - scores[kind]["clean"])


def gain(scores: Mapping[str, Any], before: str, after: str) -> float:
    """Return by how much other statistics lower the error over the six."""
    return six(scores[before]) - six(scores[after])


def brightness(scores: Mapping[str, Any], before: str, after: str) -> float:
    """Return by how much other statistics lower the error under brightness."""
    return float(scores[after]["brightness 5"] - scores[before]["brightness 5"])


def judge(measured: dict[str, Any]) -> list[Claim]:
    """Judge the claims of README.md."""
    runs = measured["runs"]
    bn, small = (
        {seed: run for seed, run in runs.get(arm, {}).items() if seed in SEEDS}
        for arm in ("bn", "batch 4")
    )
    shift = {seed: run["deciding"] for seed, run in bn.items()}
    gains = [gain(found, "precise", "batch") for found in shift.values()]
    with_bn, without = control(runs)
    differences = [
        gain(run["deciding"], "precise", "batch")
        - gain(without[seed]["deciding"], "moving", "source")
        for seed, run in with_bn.items()
    ]
    rises = [rise(found, "precise") for found in shift.values()]
    bright = [brightness(found, "precise", "batch") for found in shift.values()]
    order = [run["orders"]["random"] - run["orders"]["of classes"] for run in bn.values()]
    return [
        _claim("i a: shift hurts", RISE, rises, "above 0.15", _above(0.15), bn),
        _claim("i b: the test batch cures it", GAIN, gains, "above 0.10", _above(0.1), bn),
        _claim(
            "i c: it is batch norm's own fault",
            CONTROL,
            differences,
            FAULT,
            fault,
            with_bn,
            without,
        ),
        _claim(
            "i d: not every shift is of that kind", BRIGHT, bright, "below 0.05", _below(0.05), bn
        ),
        _claim("ii: batches must be representative", ORDER, order, "above 0.20", _above(0.2), bn),
        _posted(runs),
        _claim("iii b: small batches hurt", SMALL, _lag(small), "above 0.01", _above(0.01), small),
        *_speed(measured["bench"]),
    ]


def control(runs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the runs of i c, with and without batch norm: three seeds or five, never four.

    Both of the further seeds must be there; to judge after each would be to stop where it suits.
    """
    arms = [runs.get(arm, {}) for arm in ("bn", "none")]
    both = [seed for seed in (*SEEDS, *MORE) if all(seed in arm for arm in arms)]
    five = len(both) == len(SEEDS + MORE)
    seeds = both if five else [seed for seed in both if seed in SEEDS]
    return [{seed: arm[seed] for seed in seeds} for arm in arms]


def fault(estimate: Estimate) -> str:
    """Judge whether the fault is batch norm's own, from the difference of the gains."""
    if estimate.low > 0.03:
        return "its own"
    if estimate.high < -0.03:
        return "more without it"
    return "not its own" if estimate.low > -0.03 and estimate.high < 0.03 else "undecided"


def _above(threshold: float) -> Callable[[Estimate], str]:
    return lambda estimate: verdict((estimate.low, estimate.high), threshold)


def _below(threshold: float) -> Callable[[Estimate], str]:
    return lambda estimate: verdict((-estimate.high, -estimate.low), -threshold)


def _lag(runs: Mapping[str, Any]) -> list[float]:
    return [run["precise"] - run["moving"] for run in runs.values()]


def _claim(
    name: str,
    statistic: str,
    values: list[float],
    threshold: str,
    rule: Callable[[Estimate], str],
    *arms: Mapping[str, Any],
) -> Claim:
    """Judge the mean of a statistic over three seeds, or five, or leave it open."""
    runs = tuple(run["run"] for arm in arms for run in arm.values())
    primary = rule is fault
    if len(values) < 3:
        why = f"{len(values)} of 3 seeds"
        so_far = sum(values) / len(values) if values else None
        return Claim(name, statistic, so_far, None, threshold, OPEN, primary, why, runs)
    found = mean(values)
    interval = (found.low, found.high)
    return Claim(name, statistic, found.value, interval, threshold, rule(found), primary, "", runs)


def _posted(runs: Mapping[str, Any]) -> Claim:
    """Judge the post's own claim, on the published cases."""
    arms = {arm: runs.get(arm, {}) for arm in ("case b", "case c")}
    names = tuple(run["run"] for arm in arms.values() for run in arm.values())
    name, threshold = "iii a: no problem in practice, as posted", "below 0.01"
    if min(map(len, arms.values())) < 2:
        why = " and ".join(f"{len(found)} of 2 seeds of {arm}" for arm, found in arms.items())
        lags = [_lag(found) for found in arms.values()]
        so_far = sum(sum(of) / len(of) for of in lags) / 2 if all(lags) else None
        return Claim(name, POSTED, so_far, None, threshold, OPEN, False, why, names)
    found = contrast({arm: _lag(of) for arm, of in arms.items()}, dict.fromkeys(arms, 0.5))
    interval, word = (found.low, found.high), _below(0.01)(found)
    return Claim(name, POSTED, found.value, interval, threshold, word, False, "", names)


def _speed(bench: Mapping[str, Any]) -> list[Claim]:
    """Judge what batch norm costs in time, where a benchmark has the times by round."""
    names = {"iv": "iv a: batch norm takes longer", "iv b": "iv b: ... for its two parameters"}
    claims: dict[str, list[Claim]] = {number: [] for number in names}
    for file, results in bench.items():
        for v in judge_speed(Benchmark(Path(file), results)):
            if "b / a" not in v.statistic:
                name = f"{names[v.number]} ({file}, {v.statistic.rpartition(', ')[2]})"
                found = (
                    name,
                    v.statistic,
                    v.value,
                    v.interval,
                    f"above {v.threshold:g}",
                    v.verdict,
                )
                claims[v.number].append(Claim(*found, False, v.why, (results["file"],)))
    for (number, name), threshold in zip(names.items(), ("above 1", "above 0.5"), strict=True):
        if not claims[number]:
            why = f"{BENCH} has no times by round; they come from {COMMAND}"
            missing = Claim(
                name, "time of a training step", None, None, threshold, OPEN, reason=why
            )
            claims[number].append(missing)
    return [claim for found in claims.values() for claim in found]
