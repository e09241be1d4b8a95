"""Question 1: evaluate the runs of plan.yaml, judge by the thresholds of README.md, draw."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnstudy.config.schema import Config
from bnstudy.plots.style import COLORS, LINES, MARKERS, StyledFigure, style
from bnstudy.questions.claims import OPEN, Claim, verdict
from bnstudy.questions.kept import kept
from bnstudy.report.estimates import contrast
from bnstudy.report.measures import epochs_until
from bnstudy.report.verdicts import DOES_NOT, NOT_COMPARABLE, REPLICATES, UNDECIDED, small_effect
from bnstudy.run_folder.log import load_log

SEEDS, FITS = 3, 0.995
NONE, BN, RENORM, GHOST, POSTED = ARMS = ("none", "BN", "renormalized", "ghost 8", "as posted")
KEPT = "q1_regularizer.json"

Run = Mapping[str, Any]
Arms = Mapping[str, Mapping[str, Run]]  # arm -> seed -> what was measured


def arm_of(config: Config) -> str:
    """Return the name of a run's arm."""
    if config.model.batch_norm == "none":
        return NONE
    if config.bn.placement == "before_pool":
        return POSTED
    if config.bn.renorm:
        return RENORM
    size = config.bn.virtual_batch_size
    return f"ghost {size}" if size else BN


# --- measure --------------------------------------------------------------------------------------


def measure(runs: list[Path]) -> dict[str, Any]:
    """Evaluate every run, or read what was kept."""
    arms: dict[str, dict[str, Any]] = {}
    for run in runs:
        log = load_log(run)
        found = kept(run, KEPT, lambda run=run: evaluate(run))
        found |= {"run": run.name, "costs": log.metrics["train_cost"].tolist()}
        found |= {"logged": log.metrics["test_accuracy"].tolist()}
        arms.setdefault(arm_of(log.config), {})[str(log.config.seed)] = found
    return {"arms": arms, "described": at_equal_cost_of_all(arms)}


def evaluations(config: Config) -> dict[str, int]:
    """Return what is kept beside a run, and how many images are classified for it."""
    passes = 1 if config.model.batch_norm == "none" else 2  # one for the precise statistics
    return {KEPT: passes * (config.data.train_limit or 50_000) + 10_000}


def evaluate(run: Path) -> dict[str, float]:
    """Classify the run's training images and all test images, under precise statistics."""
    import bnstudy
    from bnstudy.analysis.choice import MOVING, PRECISE, Statistics
    from bnstudy.analysis.statistics import classifier
    from bnstudy.data.dataset import load_dataset

    network = bnstudy.load_model(run)
    config = network.run.config
    data = load_dataset(config.data.model_copy(update={"test_limit": None}))
    kind = MOVING if config.model.batch_norm == "none" else PRECISE
    classify = classifier(network, Statistics(kind))

    def accuracy(images: np.ndarray, labels: np.ndarray) -> float:
        return float((classify(images).argmax(axis=1) == labels).mean())

    return {
        "training": accuracy(data.train_images, data.train_labels),
        "test": accuracy(data.test_images, data.test_labels),
    }


def at_equal_cost_of_all(arms: Arms) -> dict[str, dict[str, list[float]]]:
    """Compare each arm with none, seed by seed, at equal training cost."""
    return {
        f"at equal training cost, {arm} and none": {
            seed: at_equal_cost(run, arms[NONE][seed])
            for seed, run in runs.items()
            if seed in arms.get(NONE, {})
        }
        for arm, runs in arms.items()
        if arm != NONE
    }


def at_equal_cost(one: Run, other: Run) -> list[float]:
    """Return the logged test accuracies of two runs at one training cost, and that cost.

    It is the last epoch's cost of the run that fits less.
    """
    cost = max(one["costs"][-1], other["costs"][-1])

    def accuracy(run: Run) -> float:
        if run["costs"][-1] == cost:
            return float(run["logged"][-1])
        epoch = epochs_until(np.array(run["costs"]), cost)
        return float(np.interp(epoch, range(1, len(run["costs"]) + 1), run["logged"]))

    return [accuracy(one), accuracy(other), cost]


# --- judge ----------------------------------------------------------------------------------------


def judge(measured: dict[str, Any]) -> list[Claim]:
    """Judge the claims of README.md."""
    arms = measured["arms"]
    regularizes = _difference(
        arms,
        "a. batch norm regularizes",
        "test accuracy, BN - none",
        {BN: 1, NONE: -1},
        small_is_none=True,
    )._replace(primary=True)
    loses = _difference(
        arms,
        "b. renormalization loses at least half of the gain",
        "test accuracy, (BN - none) / 2 - (renormalized - none)",
        {RENORM: -1, BN: 0.5, NONE: 0.5},
    )
    if loses.verdict != OPEN and regularizes.verdict not in (OPEN, REPLICATES):
        loses = loses._replace(verdict=NOT_COMPARABLE, reason="there is no gain to explain")
    slower = _difference(
        arms,
        "c. smaller ghost batches fit more slowly",
        "mean training cost of all epochs, ghost 8 - BN",
        {GHOST: 1, BN: -1},
        of="cost",
    )
    keeps = _difference(
        arms,
        "d. smaller ghost batches lose no test accuracy",
        "test accuracy, ghost 8 - BN",
        {GHOST: 1, BN: -1},
        threshold=-0.01,
    )
    return [regularizes, loses, slower, keeps, _noise_does_it(loses, slower, keeps)]


def _difference(
    arms: Arms,
    name: str,
    statistic: str,
    weights: dict[str, float],
    threshold: float = 0.0,
    of: str = "test",
    small_is_none: bool = False,
) -> Claim:
    """Judge a difference of means over the seeds; an accuracy only where all runs fit."""
    runs = {arm: list(arms.get(arm, {}).values()) for arm in weights}
    names = tuple(run["run"] for each in runs.values() for run in each)
    claim = Claim(name, statistic, None, None, f"> {threshold:g}", OPEN, runs=names)
    counts = {arm: len(each) for arm, each in runs.items()}
    reason = ", ".join(f"{n} of {SEEDS} seeds of {arm}" for arm, n in counts.items() if n < SEEDS)
    if not all(counts.values()):
        return claim._replace(reason=reason)
    values = {arm: [_value(run, of) for run in each] for arm, each in runs.items()}
    found = contrast(values, weights)
    claim = claim._replace(value=found.value)
    if not math.isnan(found.low):
        claim = claim._replace(interval=(found.low, found.high))
    if of == "test" and (
        unfit := [run for each in runs.values() for run in each if not _fits(run)]
    ):
        why = f"{_unfit(unfit)}{_nearest(arms, list(weights))}"
        return claim._replace(verdict=NOT_COMPARABLE, reason=why)
    if reason:
        return claim._replace(reason=reason)
    word = verdict((found.low, found.high), threshold, small_is_none)
    return claim._replace(verdict=word, reason=small_effect(word, found.high, threshold))


def _value(run: Run, of: str) -> float:
    return float(run["test"]) if of == "test" else float(np.mean(run["costs"]))


def _fits(run: Run) -> bool:
    return bool(run["training"] >= FITS)


def _unfit(runs: Sequence[Run]) -> str:
    worst = min(runs, key=lambda run: run["training"])
    return f"the training accuracy of {worst['run']} is {worst['training']:.4f}, below {FITS}"


def _nearest(arms: Arms, names: list[str]) -> str:
    """Say what the first two arms of a difference reach at equal training cost."""
    one, other = (arms[name] for name in names[:2])
    pairs = [at_equal_cost(one[seed], other[seed])[:2] for seed in one if seed in other]
    if not pairs:
        return ""
    first, second = np.mean(pairs, axis=0)
    return f"; at equal training cost, {names[0]} {first:.4f}, {names[1]} {second:.4f}"


def _noise_does_it(*claims: Claim) -> Claim:
    """Judge three claims together: does the noise of the batches regularize?"""
    words = [claim.verdict for claim in claims]
    claim = Claim("e. the noise does it", "b, c and d together", None, None, "all three", OPEN)
    claim = claim._replace(runs=tuple(dict.fromkeys(run for each in claims for run in each.runs)))
    if NOT_COMPARABLE in words:
        return claim._replace(verdict=NOT_COMPARABLE, reason="one of them is not comparable")
    if OPEN in words:
        return claim._replace(reason="not all of their runs have finished")
    if DOES_NOT in words:
        return claim._replace(verdict="no")
    return claim._replace(verdict="yes" if set(words) == {REPLICATES} else UNDECIDED)


# --- draw -----------------------------------------------------------------------------------------


def draw(measured: dict[str, Any], claims: list[Claim]) -> Figure:
    """Draw how each arm fits, and what it reaches on test images."""
    arms = {arm: measured["arms"][arm] for arm in ARMS if measured["arms"].get(arm)}
    with style():
        figure = StyledFigure(figsize=(10.5, 4.0), layout="constrained")
        cost, test, last = figure.subplots(1, 3)
        for arm, runs in arms.items():
            _curves(cost, arm, [run["costs"] for run in runs.values()])
            _curves(test, arm, [run["logged"] for run in runs.values()])
        cost.set(yscale="log", ylabel="training cost (nats)", title="learning the training images")
        test.set(ylabel="test accuracy (2,000 images)", title="testing, every epoch")
        for axes in (cost, test):
            axes.set_xlabel("epoch")
        if arms:
            handles, labels = cost.get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside lower center", ncols=len(arms))
        _ends(last, arms)
        primary = next(claim for claim in claims if claim.primary)
        figure.suptitle(f"Does batch norm regularize? {primary.statistic}: {primary.verdict}")
    return figure


def _curves(axes: Axes, arm: str, curves: list[list[float]]) -> None:
    """Draw the mean over the seeds."""
    number, epochs = ARMS.index(arm), min(map(len, curves))
    mean = np.mean([curve[:epochs] for curve in curves], axis=0)
    marks = {"marker": MARKERS[number], "markevery": (number, max(epochs // 6, 1))}
    line = {"color": COLORS[number], "linestyle": LINES[number % len(LINES)]}
    axes.plot(range(1, epochs + 1), mean, label=arm, **marks, **line)


def _ends(axes: Axes, arms: Arms) -> None:
    """Draw the test accuracy of every seed; hollow where the training images are not learned."""
    for place, (arm, runs) in enumerate(arms.items()):
        number = ARMS.index(arm)
        for run in runs.values():
            face = COLORS[number] if _fits(run) else "none"
            mark = {"marker": MARKERS[number], "markerfacecolor": face, "markersize": 7}
            axes.plot(place, run["test"], color=COLORS[number], linestyle="none", **mark)
        mean = np.mean([run["test"] for run in runs.values()])
        axes.hlines(mean, place - 0.25, place + 0.25, color="black", linewidth=1)
    axes.set_xticks(range(len(arms)), arms, rotation=30, ha="right")
    axes.set(ylabel="test accuracy (10,000 images)", title="the end, precise statistics")
    axes.margins(x=0.15, y=0.15)
    label = f"hollow: training accuracy below {FITS}"
    axes.text(0.02, 0.02, label, transform=axes.transAxes, fontsize=7)
