"""Question 4: read the runs of plan.yaml, and make their first steps again.

The verdicts are in judge.py, the figure is in figure.py.
"""

import math
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from bnstudy.analysis import linear_network
from bnstudy.config.schema import Config
from bnstudy.questions.find import load_file
from bnstudy.questions.kept import kept
from bnstudy.run_folder.log import load_log

HERE = Path(__file__).parent
judging, drawing = load_file(HERE / "judge.py"), load_file(HERE / "figure.py")
ARMS, SEEDS, STEPS, GUESS = judging.ARMS, judging.SEEDS, judging.STEPS, judging.GUESS
FAST, SLOW = judging.FAST, judging.SLOW
LINEAR_RATES = (judging.PUBLISHED_RATE, 1e-5)  # of the linear network
judge, draw = judging.judge, drawing.draw


def arm_of(config: Config) -> str:
    """Return the arm that a run belongs to."""
    normalized, noise = config.model.batch_norm != "none", config.bn.noise
    if normalized or noise:
        return "noisy BN" if normalized and noise else "BN" if normalized else "noise alone"
    return "none, slow" if config.optimizer.learning_rate == SLOW else "none"


def evaluations(config: Config) -> dict[str, int]:
    """Return what is kept beside a run, and the number of test images that takes as long."""
    images = STEPS * config.training.batch_size
    per_image = 4 + 27 * len(rates_of(config))  # its movement; its shift at each rate (measured)
    return {"first_steps.json": images * per_image}


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
