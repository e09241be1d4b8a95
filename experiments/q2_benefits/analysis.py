"""Question 2: read the runs of plan.yaml, and measure the cost along those that seed 0 chooses.

The verdicts are in judge.py, the figure is in figure.py. Seed 0 decides after its training which
runs are evaluated, so there can be no `evaluations` to announce them; README.md says how long they
take.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bnstudy.config.schema import Config
from bnstudy.questions.find import load_file
from bnstudy.questions.kept import kept
from bnstudy.report.runs import read_benchmark
from bnstudy.run_folder.log import RunLog, load_log

HERE = Path(__file__).parent
judging, drawing = load_file(HERE / "judge.py"), load_file(HERE / "figure.py")
NONE, BN, ARMS, SEEDS = judging.NONE, judging.BN, judging.ARMS, judging.SEEDS
judge, draw = judging.judge, drawing.draw
GRID = {  # the rates of seed 0
    NONE: ("0.0003", "0.001", "0.003", "0.01", "0.03", "0.1"),
    BN: ("0.0003", "0.001", "0.003", "0.01", "0.03", "0.1", "0.3"),
}
SMALL = 1.8  # nats
# What is measured along training; after a change of any, what was kept is made again.
IMAGES, BATCHES, TOLERANCE = 2000, 4, 1e-2  # of the eigenvalue, relative
MULTIPLES = (0.5, 1.0, 2.0, 4.0)  # of the step
STEPS = {NONE: "case c, model.batch_norm=none", BN: "case c"}  # contenders of bench.json

Arms = dict[str, dict[str, dict[str, Any]]]  # arm -> rate or optimizer -> seed -> what was read


def measure(runs: list[Path]) -> dict[str, Any]:
    """Read the logs; measure the curvature, or read what was kept."""
    doubling: Arms = {arm: {} for arm in ARMS}
    fixed: Arms = {arm: {} for arm in ARMS}
    for log in map(load_log, runs):
        optimizer = log.config.optimizer
        group, key = fixed, f"{optimizer.learning_rate:g}"
        if optimizer.double_every:
            group, key = doubling, optimizer.name
        group[arm_of(log.config)].setdefault(key, {})[str(log.config.seed)] = read(log)
    measured = {"doubling": doubling, "fixed": fixed, "chosen": choose(fixed)}
    if "missing" in measured["chosen"]:
        return measured
    return measured | along_training(measured["chosen"], fixed, {run.name: run for run in runs})


def arm_of(config: Config) -> str:
    """Return the name of a run's arm."""
    return NONE if config.model.batch_norm == "none" else BN


def read(log: RunLog) -> dict[str, Any]:
    """Return what of a log is needed; a cost that is not finite becomes None.

    So does the last one of a run that diverged: where the epoch's last step did it, only the test
    has noticed.
    """
    data, batch = log.config.data, log.config.training.batch_size
    costs = [_finite(cost) for cost in log.metrics["train_cost"].tolist()]
    if "diverged_at_step" in (log.result or {}):
        costs[-1] = None
    return {
        "run": log.folder.name,
        "rates": log.metrics["learning_rate"].tolist(),
        "costs": costs,
        "accuracies": log.metrics["test_accuracy"].tolist(),
        "steps": math.ceil((data.train_limit or 50_000) / batch),  # of an epoch
    }


def choose(fixed: Arms) -> dict[str, str]:
    """Return each arm's best rate and the small one, by seed 0; or why there is none: "missing"."""
    last: dict[str, dict[str, float]] = {}
    for arm, rates in GRID.items():
        runs = {rate: seeds["0"] for rate, seeds in fixed[arm].items() if "0" in seeds}
        if lacking := [rate for rate in rates if rate not in runs]:
            return {"missing": f"seed 0 lacks {arm} at {', '.join(lacking)}"}
        last[arm] = {rate: judging.last(run) for rate, run in runs.items()}
    best = {arm: min(costs, key=lambda rate: costs[rate]) for arm, costs in last.items()}
    for arm, rate in best.items():
        if rate == max(last[arm], key=float):
            return {"missing": f"{arm} is best at its largest rate, {rate}; plan the next one"}
    low = [{rate for rate, cost in last[arm].items() if cost < SMALL} for arm in ARMS]
    if not (both := low[0] & low[1]):
        return {"missing": f"at no rate are both costs below {SMALL}"}
    return {**best, "small": min(both, key=float)}


def along_training(
    chosen: Mapping[str, str], fixed: Arms, folders: Mapping[str, Path]
) -> dict[str, Any]:
    """Measure what needs the weights, or read what was kept; and the time of a step."""
    best = {arm: fixed[arm][chosen[arm]] for arm in ARMS}
    slow = {arm: fixed[arm][chosen[NONE]] for arm in ARMS}  # both at none's best rate
    return {
        "sharpness": {
            seed: sharpness({arm: folders[best[arm][seed]["run"]] for arm in ARMS})
            for seed in SEEDS
            if all(seed in best[arm] for arm in ARMS)
        },
        "predictiveness": {
            arm: {seed: predictiveness(folders[run["run"]]) for seed, run in seeds.items()}
            for arm, seeds in slow.items()
        },
        "milliseconds": milliseconds(),
    }


def sharpness(runs: Mapping[str, Path]) -> dict[str, Any]:
    """Measure the largest eigenvalues of both arms at equal training accuracy."""
    accuracies = {arm: training_accuracies(run) for arm, run in runs.items()}
    epochs = equal_epochs(accuracies)

    def eigenvalue(arm: str, frozen: bool = False) -> float:
        def make() -> dict[str, float]:
            from bnstudy.analysis import along_training

            value = along_training.sharpness(runs[arm], frozen=frozen, **arguments)
            return {"eigenvalue": value}

        name = "sharpness_frozen.json" if frozen else "sharpness.json"
        arguments = {"epoch": epochs[arm], "batches": BATCHES, "tolerance": TOLERANCE}
        return float(kept(runs[arm], name, make, arguments)["eigenvalue"])

    return {
        "epochs": epochs,
        "accuracies": {arm: accuracies[arm][epochs[arm]] for arm in ARMS},
        NONE: eigenvalue(NONE),
        BN: eigenvalue(BN),
        "frozen": eigenvalue(BN, frozen=True),
    }


def training_accuracies(run: Path) -> dict[int, float]:
    """Return the training accuracy after each epoch."""

    def make() -> dict[str, Any]:
        from bnstudy.analysis.along_training import accuracies

        return {str(epoch): accuracy for epoch, accuracy in accuracies(run, IMAGES).items()}

    found = kept(run, "accuracies.json", make, {"images": IMAGES})
    return {int(epoch): accuracy for epoch, accuracy in found.items()}


def equal_epochs(accuracies: Mapping[str, Mapping[int, float]]) -> dict[str, int]:
    """Return the epochs of equal accuracy: the last of the lower arm, the other's nearest."""
    last = {arm: max(found) for arm, found in accuracies.items()}
    lower, other = sorted(ARMS, key=lambda arm: accuracies[arm][last[arm]])
    goal, found = accuracies[lower][last[lower]], accuracies[other]
    nearest = min((epoch for epoch in found if epoch), key=lambda epoch: abs(found[epoch] - goal))
    return {lower: last[lower], other: nearest}


def predictiveness(run: Path) -> dict[str, Any]:
    """Measure the cost and the gradient along the gradient, after every epoch."""

    def make() -> dict[str, Any]:
        from bnstudy.analysis.along_training import predictiveness

        found = predictiveness(run, **arguments)
        return {
            "epochs": [each.epoch for each in found],
            "range": [_finite(each.spread) for each in found],
            "change": [_finite(each.change) for each in found],
        }

    arguments = {"batches": BATCHES, "multiples": MULTIPLES}
    return kept(run, "predictiveness.json", make, arguments)


def milliseconds() -> dict[str, float]:
    """Return the time of each arm's training step by bench.json; without the file, nothing."""
    path = HERE / "bench.json"
    if not path.exists():
        return {}
    bench = read_benchmark(path)
    rounds = {arm: bench.milliseconds(name, "float32") for arm, name in STEPS.items()}
    return {arm: float(np.median(times)) for arm, times in rounds.items() if times is not None}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
