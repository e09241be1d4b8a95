"""Plans of small runs, and runs that train nothing but leave a finished folder."""

import subprocess
import sys
from pathlib import Path

import yaml

from bnstudy.run_folder import checkpoint, files, log
from bnstudy.run_folder.folder import claim, finished_result
from bnstudy.sweep.plan import load_plan

TINY = {
    "preset": "quick",
    "model.width": 0.05,
    "training.epochs": 1,
    "data.train_limit": 40,
    "data.test_limit": 20,
}


def write_plan(path: Path, runs: list[dict]) -> Path:
    """Write a plan whose runs go to the folder `out` beside it."""
    path.write_text(yaml.safe_dump({"out": str(path.parent / "out"), "runs": runs}))
    return path


def tiny_plan(folder: Path, count: int, **changes) -> Path:
    """Write a plan of tiny runs, one for each seed."""
    entries = [{**TINY, "case": "a", "seed": seed, **changes} for seed in range(count)]
    return write_plan(folder / "plan.yaml", entries)


def finish(folder: Path, config) -> None:
    """Leave what a finished run leaves, as far as sweeps look at it."""
    epochs = range(1, config.training.epochs + 1)
    rows = [log.EpochMetrics(epoch, 3e-4, 40 * epoch, 1, 0.5, 1, 0.5, 1, 1) for epoch in epochs]
    log.write_metrics(folder, rows)
    checkpoint.save(folder / "checkpoints", 1, {}, {})
    files.write_json(folder / "result.json", log.result_from(rows, config, 1))


def claim_and_finish(folder: Path, config, work) -> None:
    """Do as a run does: lock the folder, work, leave a result; unless it has finished."""
    with claim(folder, config):
        if finished_result(folder, config) is None:
            work()
            finish(folder, config)


def sweep(plan: Path, *more: str) -> subprocess.Popen:
    """Start a sweep, in the folder of its plan."""
    command = [sys.executable, "-P", "-m", "bnstudy", "sweep", str(plan), *more]
    return subprocess.Popen(
        command, cwd=plan.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def configurations(plan: Path) -> dict:
    """Return folder -> configuration of the runs of a plan."""
    return {run.folder: run.config for run in load_plan(plan)}
