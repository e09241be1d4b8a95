"""Question 4: does batch norm work because it keeps distributions stable?

The thresholds are those of README.md.
"""

import math
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnstudy.analysis import linear_network
from bnstudy.config.schema import Config
from bnstudy.plots.style import COLORS, LINES, MARKERS, StyledFigure, style
from bnstudy.questions.claims import OPEN, Claim, verdict
from bnstudy.questions.kept import kept
from bnstudy.report import estimates
from bnstudy.report.verdicts import DOES_NOT, NOT_COMPARABLE, REPLICATES, UNDECIDED
from bnstudy.run_folder.log import load_log

SEEDS, STEPS = 3, 100
TEN = 10  # steps, over which the figure averages
GUESS = math.log(10)  # the cost of a guess among ten classes
FAST, SLOW = 0.03, 0.01  # learning rates, see README.md
ARMS = ("none", "BN", "noisy BN", "noise alone", "none, slow")
LINEAR_RATES = PUBLISHED_RATE, _ = 1e-6, 1e-5  # of the linear network
# Test images that take as long as what is kept beside a run, on average over the arms.
EVALUATIONS = {"first_steps.json": 130_000}


def arm_of(config: Config) -> str:
    """Return the arm that a run belongs to."""
    normalized, noise = config.model.batch_norm != "none", config.bn.noise
    if normalized or noise:
        return "noisy BN" if normalized and noise else "BN" if normalized else "noise alone"
    return "none, slow" if config.optimizer.learning_rate == SLOW else "none"


def measure(runs: list[Path]) -> dict[str, Any]:
    """Measure everything: what the runs logged, their first steps, and the linear network."""
    found = {
        "runs": [_measure_run(folder) for folder in runs],
        "linear": {str(rate): linear_network.compare(rate, SEEDS) for rate in LINEAR_RATES},
    }
    return found | {"described": _described(found)}


def _measure_run(folder: Path) -> dict[str, Any]:
    log = load_log(folder)
    config = log.config
    costs = [float(cost) for cost in takewhile(math.isfinite, log.metrics["train_cost"])]
    costs += [GUESS] * (config.training.epochs - len(costs))  # it diverged
    arguments = {"steps": STEPS, "rates": rates_of(config)}
    evaluated = kept(folder, "first_steps.json", lambda: first_steps(config), arguments)
    return {
        "name": folder.name,
        "arm": arm_of(config),
        "seed": config.seed,
        "costs": costs,
        **evaluated,
    }


def rates_of(config: Config) -> list[float]:
    """Return the rates at which the covariate shift of a run's first steps is measured."""
    return {"none": [FAST], "none, slow": [SLOW], "BN": [FAST, SLOW]}.get(arm_of(config), [])


def first_steps(config: Config) -> dict[str, Any]:
    """Make the first steps again: means over the layers, for each step.

    Returns:
        "movement", and without noise "shift": for each rate "relative", a geometric mean, and
        "turn", the mean of 1 - cosine.

    """
    from bnstudy.backend.startup import import_tensorflow

    import_tensorflow()
    from bnstudy.analysis.first_steps import movement_over_steps, shift_over_steps
    from bnstudy.data.dataset import load_dataset

    dataset, shift = load_dataset(config.data), {}
    for rate in rates_of(config):
        optimizer = config.optimizer.model_copy(update={"learning_rate": rate})
        at_rate = config.model_copy(update={"optimizer": optimizer})
        over_steps = shift_over_steps(at_rate, dataset, STEPS)
        shift[str(rate)] = {
            "relative": np.exp(np.log(over_steps.relative).mean(axis=1)).tolist(),
            "turn": (1 - over_steps.cosines).mean(axis=1).tolist(),
        }
    movement = movement_over_steps(config, dataset, STEPS).movement
    return {"movement": movement.mean(axis=1).tolist(), "shift": shift}


def _described(found: dict[str, Any]) -> dict[str, Any]:
    """Return what is shown in verdict.json and decides nothing."""
    described = {
        "mean training cost": {r["name"]: float(np.mean(r["costs"])) for r in found["runs"]}
    }
    for rate, arms in found["linear"].items():
        turns = {arm: float(np.mean(values["turn"])) for arm, values in arms.items()}
        lasts = {arm: values["last"] for arm, values in arms.items()}
        described |= {f"linear network at {rate}": {"1 - cosine": turns, "last costs": lasts}}
    return described


Arms = dict[str, dict[int, dict[str, Any]]]  # arm -> seed -> run


def judge(measured: dict[str, Any]) -> list[Claim]:
    """Return the verdicts."""
    arms = _by_arm(measured["runs"])
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


def _by_arm(runs: list[dict[str, Any]]) -> Arms:
    return {arm: {run["seed"]: run for run in runs if run["arm"] == arm} for arm in ARMS}


def _complete(arms: Arms, *names: str) -> tuple[list[list[dict[str, Any]]], Claim]:
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


def _ratio(logarithms: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Return a ratio and its interval from its logarithms, one for each seed."""
    mean = estimates.mean(logarithms)
    return math.exp(mean.value), (math.exp(mean.low), math.exp(mean.high))


def _judge_stability(arms: Arms, none: str) -> Claim:
    """Judge how much of batch norm's gain noisy batch norm keeps, over `none` at its rate."""
    rows, claim = _complete(arms, none, "BN", "noisy BN")
    versus = "none" if none == "none" else "none at its best rate"
    claim = claim._replace(
        name=f"stable distributions are not the reason (against {versus})",
        statistic=f"area under the training cost, ({versus} - noisy BN) / ({versus} - BN)",
        threshold=">= 0.5 in each seed",
        primary=none == "none",
    )
    if claim.reason:
        return claim
    gains, kept_shares = _gains_and_shares(rows)
    gain = estimates.mean(gains)
    if not all(np.mean(noisy["movement"]) > np.mean(plain["movement"]) for plain, _, noisy in rows):
        reason = "the noise moves the distributions no more than they move without it"
        return claim._replace(verdict=NOT_COMPARABLE, reason=reason)
    if gain.low <= 0:
        reason = f"{versus} - BN, {gain.text(4)}, is not clearly above zero"
        return claim._replace(verdict=UNDECIDED, reason=reason)
    yes, no = ([share >= 0.5 for share in kept_shares], [share <= 0 for share in kept_shares])
    return claim._replace(**_each(kept_shares, yes, no))


def _gains_and_shares(rows: list[list[dict[str, Any]]]) -> tuple[list[float], list[float]]:
    """Return none - BN of the areas of each seed, and the share of it that noisy BN keeps."""
    areas = [[float(np.mean(run["costs"])) for run in row] for row in rows]
    gains = [none - normalized for none, normalized, _ in areas]
    lost = [none - noisy for none, _, noisy in areas]
    return gains, [of / gain if gain else math.nan for of, gain in zip(lost, gains, strict=True)]


def _judge_movement(arms: Arms) -> Claim:
    """Judge whether the noise does what it is for."""
    rows, claim = _complete(arms, "none", "noisy BN")
    claim = claim._replace(
        name="the noise makes distributions less stable than they are without batch norm",
        statistic="movement of the channel means, noisy BN / none",
        threshold="> 1 in each seed",
    )
    if claim.reason:
        return claim
    ratios = [np.mean(noisy["movement"]) / np.mean(none["movement"]) for none, noisy in rows]
    return claim._replace(**_each(ratios, [r > 1 for r in ratios], [r <= 1 for r in ratios]))


def _judge_noise_alone(arms: Arms) -> Claim:
    """Judge whether the noise without batch norm stops training."""
    rows, claim = _complete(arms, "none", "noise alone")
    claim = claim._replace(
        name="noise without batch norm stops training",
        statistic="(ln 10 - cost of noise alone) / (ln 10 - cost of none), last epoch",
        threshold="<= 0.1 in each seed",
    )
    if claim.reason:
        return claim
    learned = [[GUESS - run["costs"][-1] for run in row] for row in rows]
    if not all(none > 0 for none, _ in learned):
        reason = "without noise a run has learned nothing, of which there is no share"
        return claim._replace(verdict=UNDECIDED, reason=reason)
    shares = [alone / none for none, alone in learned]
    return claim._replace(**_each(shares, [s <= 0.1 for s in shares], [s > 0.1 for s in shares]))


def _judge_shift(arms: Arms, none: str, rate: float, kind: str) -> Claim:
    """Judge whether batch norm reduces internal covariate shift, at one rate and by one measure."""
    rows, claim = _complete(arms, none, "BN")
    words = {"relative": "norm", "turn": "cosine"}[kind]
    of = {"relative": "geometric mean of the relative norm", "turn": "mean of 1 - cosine"}[kind]
    claim = claim._replace(
        name=f"batch norm reduces covariate shift: {words}, at {rate}",
        statistic=f"{of}, first {STEPS} steps, BN / none",
        threshold="< 1",
    )
    if claim.reason:
        return claim
    average = np.mean if kind == "turn" else lambda values: np.exp(np.mean(np.log(values)))
    pairs = [[average(run["shift"][str(rate)][kind]) for run in row] for row in rows]
    value, (low, high) = _ratio([math.log(bn / plain) for plain, bn in pairs])
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


def draw(measured: dict[str, Any], claims: list[Claim]) -> Figure:
    """Return the figure: training, movement, what is left of the gain; and the shift below."""
    runs = measured["runs"]
    with style():
        figure = StyledFigure(figsize=(7.2, 5.4), layout="constrained")
        (costs, movement, shares), (relative, turn, linear) = figure.subplots(2, 3)
        for index, arm in enumerate(ARMS):
            of_arm = [run for run in runs if run["arm"] == arm]
            _curve(costs, index, arm, [run["costs"] for run in of_arm], 1, 1)
            values = [np.mean(run["movement"]) for run in of_arm if run["movement"]]
            movement.plot([index] * len(values), values, **_look(index) | {"linestyle": "none"})
        costs.set(title="training cost (nats)", xlabel="epoch")
        movement.set(
            title="movement of channel means", ylim=(0, None), xlim=(-0.5, len(ARMS) - 0.5)
        )
        movement.set_xticks(range(len(ARMS)), ARMS, rotation=30, ha="right")
        _draw_shares(shares, _by_arm(runs), claims)
        for axes, kind, title in (
            (relative, "relative", f"gradient: relative change, at {FAST}"),
            (turn, "turn", f"gradient: 1 - cosine, at {FAST}"),
        ):
            for index, arm in enumerate(ARMS[:2]):
                found = [run["shift"][str(FAST)][kind] for run in runs if run["arm"] == arm]
                blocks = [np.reshape(row[: len(row) // TEN * TEN], (-1, TEN)) for row in found]
                _curve(axes, index, arm, [b.mean(axis=1) for b in blocks], TEN / 2, TEN)
            axes.set(title=title, xlabel="step", ylim=(0, None))
        for index, arm in enumerate(ARMS[:2]):
            found = measured["linear"][str(PUBLISHED_RATE)][arm]
            _curve(linear, index, arm, found["turn"], 0, found["every"])
        linear.set(title="linear network: 1 - cosine", xlabel="step", yscale="log")
        handles, labels = costs.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(ARMS), fontsize=8)
        for axes in figure.axes:
            axes.title.set_fontsize(9)
    return figure


def _look(index: int) -> dict[str, Any]:
    return {"color": COLORS[index], "linestyle": LINES[index % 4], "marker": MARKERS[index]}


def _curve(axes: Axes, index: int, label: str, rows: list, start: float, every: int) -> None:
    """Draw the mean over the seeds, and their range; a legend entry even if there are none."""
    shortest = min(map(len, rows), default=0)
    x, values = start + every * np.arange(shortest), np.array([row[:shortest] for row in rows])
    marks = max(1, shortest // 6)
    mean = values.mean(axis=0) if len(rows) else x
    axes.plot(x, mean, label=label, markevery=marks, **_look(index))
    if len(rows) > 1:
        low, high = values.min(axis=0), values.max(axis=0)
        axes.fill_between(x, low, high, color=COLORS[index], alpha=0.2, linewidth=0)


def _draw_shares(axes: Axes, arms: Arms, claims: list[Claim]) -> None:
    """Draw which part of batch norm's gain noisy batch norm keeps in each seed; the thresholds."""
    for place, (none, claim) in enumerate(zip(("none", "none, slow"), claims, strict=False)):
        rows, _ = _complete(arms, none, "BN", "noisy BN")
        _, shares = _gains_and_shares(rows)
        axes.plot([place] * len(shares), shares, color="black", marker="o", linestyle="none")
        axes.text(place, -0.2, claim.verdict.replace(" ", "\n", 1), ha="center", fontsize=8)
    axes.axhline(0.5, color="#808080", linestyle=(0, (3, 2)))
    axes.axhline(0, color="#808080", linestyle=(0, (1, 1)))
    axes.set_xticks([0, 1], [f"at {FAST}", f"none at {SLOW}"])
    axes.set(title="gain that noisy BN keeps", xlim=(-0.5, 1.5), ylim=(-0.3, None))
