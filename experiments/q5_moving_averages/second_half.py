"""The second half of question 5: networks tested under moving averages while they train.

The thresholds are those of README.md.
"""

import math
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bnstudy.config.schema import Config
from bnstudy.output import echo
from bnstudy.questions.claims import OPEN, Claim
from bnstudy.questions.kept import kept
from bnstudy.report.verdicts import DOES_NOT, REPLICATES, UNDECIDED
from bnstudy.run_folder.log import RunLog, load_log

FILE = "averages.json"  # beside a run
UNFINISHED = Path("logs/questions/q5_moving_averages/unfinished")
MOMENTA = (0.9, 0.99, 0.999)
UNTIL = {"cifar10": 10_000, "digits": 1_000}  # steps; more than twice what is predicted
JUDGED = {"cifar10": (0.99, 0.9, 0.999), "digits": (0.9, 0.99)}
SEEDS = {"cifar10": 1, "digits": 3}
PRIMARY = ("cifar10", 0.99)
STATISTIC = (  # of one seed, of several
    "step from which the test accuracy under raw averages stays within one point of that under "
    "corrected ones; the interval begins with the tested step before it",
    "step from which the test accuracy under raw averages stays within one point of that under "
    "corrected ones: median and range over the seeds",
)
POINT, LEFT = 0.01, 0.01  # of test accuracy; of the start, in the average


def evaluations(config: Config) -> dict[str, int]:
    """Return what `measure` shows to a network; a training image costs as much as three."""
    tests = round(8 * math.log10(UNTIL[config.data.name]))
    images = {"cifar10": 10_000, "digits": 360}[config.data.name]
    trained = 3 * config.training.batch_size * UNTIL[config.data.name]
    return {FILE: trained + tests * (1 + 2 * len(MOMENTA)) * images}


def predicted(momentum: float) -> int:
    """Return the first step after which less than 1 % of the start is left in the average."""
    return math.ceil(math.log(LEFT) / math.log(momentum))


def measure(runs: list[Path]) -> dict[str, Any]:
    """Return the test accuracy over the steps of every run, by data set and seed."""
    found: dict[str, Any] = {}
    for run in runs:
        log = load_log(run)
        name, seed = log.config.data.name, str(log.config.seed)
        arguments = {"momenta": MOMENTA, "until": UNTIL[name]}
        curves = kept(run, FILE, lambda run=run: _train(run), arguments)
        found.setdefault(name, {})[seed] = {"run": run.name, **curves, "own": _own(log, curves)}
    return found


def _own(log: RunLog, curves: dict[str, Any]) -> dict[str, list[float]]:
    """Return what must be equal: the accuracy that a run logged, and that found at the same step.

    By step, where the end of an epoch was tested: under raw averages of the run's own momentum.
    """
    batches = math.ceil(log.metrics["images"][0] / log.config.training.batch_size)
    logged = {
        batches * epoch: float(accuracy)
        for epoch, accuracy in enumerate(log.metrics["test_accuracy"], start=1)
    }
    ours = curves["accuracy"][f"raw {log.config.bn.momentum:g}"]
    pairs = zip(curves["steps"], ours, strict=True)
    return {str(step): [logged[step], accuracy] for step, accuracy in pairs if step in logged}


def _train(run: Path) -> dict[str, Any]:
    """Train as the run did, from its start, and test; continue if that was interrupted."""
    from bnstudy.backend.startup import import_tensorflow

    import_tensorflow()
    from bnstudy.analysis.moving_averages import accuracy_over_steps
    from bnstudy.backend import devices
    from bnstudy.data.dataset import load_dataset

    devices.prepare()
    config, state = load_log(run).config, UNFINISHED / run.name
    until = UNTIL[config.data.name]

    def report(step: int) -> None:
        echo(f"{run.name}: step {step:,} of {until:,}", sys.stderr)

    dataset = load_dataset(config.data.model_copy(update={"dir": None}))
    curves = accuracy_over_steps(config, dataset, MOMENTA, until, state, report)
    shutil.rmtree(state, ignore_errors=True)
    return curves._asdict()


def catches_up(curves: dict[str, Any], momentum: float) -> tuple[float, float]:
    """Return the last step with more than a point between raw and corrected, and the next one.

    The first is 0 if there is none, the second infinite if that is the last step tested.
    """
    raw, corrected = (
        np.array(curves["accuracy"][f"{k} {momentum:g}"]) for k in ("raw", "corrected")
    )
    apart = np.flatnonzero(abs(raw - corrected) > POINT + 1e-9)  # 0.01 itself is within a point
    steps = [0, *curves["steps"], math.inf]
    last = int(apart[-1]) + 1 if len(apart) else 0
    return steps[last], steps[last + 1]


def judge(found: dict[str, Any]) -> list[Claim]:
    """Judge each momentum on each data set."""
    return [
        _judge(name, momentum, found.get(name, {}))
        for name, momenta in JUDGED.items()
        for momentum in momenta
    ]


def _judge(name: str, momentum: float, seeds: dict[str, Any]) -> Claim:
    expected, needed = predicted(momentum), SEEDS[name]
    low, high = expected / 2, expected * 2
    label = {"cifar10": "lite", "digits": "digits"}[name]
    claim = Claim(
        f"{label}, momentum {momentum:g}: raw averages catch up after {expected:,} steps",
        STATISTIC[needed > 1],
        None,
        None,
        f"{low:,.0f} to {high:,.0f}",
        OPEN,
        primary=(name, momentum) == PRIMARY,
        reason=f"{len(seeds)} of {needed} seed{'s' * (needed > 1)}",
        runs=tuple(curves["run"] for curves in seeds.values()),
    )
    if len(seeds) < needed:
        return claim
    brackets = [catches_up(curves, momentum) for curves in seeds.values()]
    steps = [after for _, after in brackets]
    inside = [low <= step <= high for step in steps]
    verdict = REPLICATES if all(inside) else UNDECIDED if any(inside) else DOES_NOT
    last = max(curves["steps"][-1] for curves in seeds.values())
    if math.inf in steps:
        return claim._replace(verdict=verdict, reason=f"more than a point apart at step {last:,}")
    interval = brackets[0] if needed == 1 else (min(steps), max(steps))
    value = float(np.median(steps))
    return claim._replace(value=value, interval=interval, verdict=verdict, reason="")


def described(found: dict[str, Any]) -> dict[str, Any]:
    """Return what is not judged, of each run.

    The distance between the accuracies under corrected averages and precise statistics, by
    momentum: the mean over the tested steps, the largest, and the last.
    """
    return {
        curves["run"]: {
            "corrected from precise": {f"{m:g}": _distances(curves, m) for m in MOMENTA},
            "logged by the run, found": curves["own"],
        }
        for seeds in found.values()
        for curves in seeds.values()
    }


def _distances(curves: dict[str, Any], momentum: float) -> list[float]:
    corrected, precise = (
        np.array(curves["accuracy"][kind]) for kind in (f"corrected {momentum:g}", "precise")
    )
    gaps = abs(corrected - precise)
    return [round(float(gap), 4) for gap in (gaps.mean(), gaps.max(), gaps[-1])]
