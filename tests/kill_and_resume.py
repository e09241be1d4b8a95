"""Kill runs at every kind of moment, continue them, and compare with undisturbed runs.

    python tests/kill_and_resume.py [--kills 3] [--seed 0]      about ten minutes

For each of the cases a, b and c, in float32 and bfloat16, with automatic and manual gradients, a
small run is killed with SIGKILL several times: between two steps, in the middle of writing a
checkpoint or metrics.csv, between writing a file and giving it its name, before an evaluation, or
after a random time. The same command continues it each time. At the end metrics.csv (except the
seconds) and every array of the last checkpoint must equal those of a run that nobody disturbed, bit
for bit.
Exits with 1 if any of them does not.
"""

import argparse
import itertools
import multiprocessing
import os
import random
import signal
import sys
import tempfile
from pathlib import Path

import bnstudy
from bnstudy.run_folder import checkpoint, files

SMALL = {
    "model.width": 0.1,
    "data.augment": True,
    "data.train_limit": 70,
    "data.test_limit": 40,
    "training.batch_size": 20,
    "training.epochs": 3,
    "checkpoint.every_steps": 3,
}  # 7 steps an epoch, saved after steps 3, 6 and 7, 9, 12, 14, ...
# Forks of one process that has imported TensorFlow, and nothing of ours.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tensorflow", "keras"])
# The last occurrence of each kind of moment to choose from: as many as every epoch has.
MOMENTS = {"step": 6, "checkpoint": 2, "metrics.csv": 2, "rename": 6, "evaluation": 1, "seconds": 1}


def small_config(case: str, precision: str, gradients: str, seed: int = 0):
    """Make the configuration of one run."""
    variant = {"training.precision": precision, "training.gradients": gradients, "seed": seed}
    return bnstudy.load_config(case, ["quick"], overrides={**SMALL, **variant})


def run_child(folder: Path, variant: tuple, moment: str, count: int, seconds: float) -> int:
    """Run in a process of its own that dies at the given moment; return its exit code."""
    said = folder.with_name(f"{folder.name}.txt")
    process = PROCESSES.Process(target=child, args=(folder, said, variant, moment, count))
    process.start()
    process.join(seconds if moment == "seconds" else None)
    process.kill()
    process.join()
    if process.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(said.read_text())
    return process.exitcode


def child(folder: Path, said: Path, variant: tuple, moment: str, left: int) -> None:
    """Train, and kill this process when a moment has come `left` times."""
    sys.stderr = said.open("w")
    from bnstudy.runner import training

    def die_when_due():
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(module, name, applies=lambda *args: True):
        """Count the calls of a function, and die before the one that is due."""
        function = getattr(module, name)

        def counted(*args, **kwargs):
            if applies(*args):
                die_when_due()
            return function(*args, **kwargs)

        setattr(module, name, counted)

    if moment == "step":
        training.SYNC_INTERVAL = 0  # show every step
        before(training.ProgressBar, "update")
    elif moment == "evaluation":
        before(training.Training, "finish_epoch")
    elif moment == "rename":
        before(os, "replace")
    elif moment in ("checkpoint", "metrics.csv"):
        # Write half of the temporary file, and die before the other half.
        write, name = files.write_bytes_atomic, "step-" if moment == "checkpoint" else moment

        def half(path, data):
            if Path(path).name.startswith(name):
                if left == 1:
                    temporary = Path(path).with_name(f".{Path(path).name}.{os.getpid()}.tmp")
                    temporary.write_bytes(data[: len(data) // 2])
                die_when_due()
            write(path, data)

        files.write_bytes_atomic = checkpoint.write_bytes_atomic = half
    bnstudy.run(small_config(*variant), folder)


def metrics_of(folder: Path) -> dict[str, list]:
    """Return the columns of metrics.csv but the seconds."""
    metrics = bnstudy.load_log(folder).metrics
    return {name: list(values) for name, values in metrics.items() if "seconds" not in name}


def differences(one: Path, other: Path) -> list[str]:
    """Name what differs between two finished runs: columns of the log, arrays of the state."""
    logs = metrics_of(one), metrics_of(other)
    names = [name for name in logs[0] if logs[0][name] != logs[1][name]]
    (first, _), (second, _) = (checkpoint.load_newest(f / "checkpoints") for f in (one, other))
    names += sorted(first.keys() ^ second.keys())
    shared = first.keys() & second.keys()
    return names + [n for n in sorted(shared) if first[n].tobytes() != second[n].tobytes()]


def disturb(folder: Path, variant: tuple, moments: list[tuple[str, int, float]]) -> int:
    """Start or continue a run, and kill it, at one moment after the other; return the kills."""
    return sum(run_child(folder, variant, *moment) != 0 for moment in moments)


def attempt(variant: tuple, moments: list[tuple[str, int, float]]) -> tuple[int, list[str]]:
    """Kill a run at the given moments, finish it; return the kills and what differs at the end."""
    with tempfile.TemporaryDirectory() as place:
        disturbed, undisturbed = Path(place, "disturbed"), Path(place, "undisturbed")
        kills = disturb(disturbed, variant, moments)
        assert run_child(disturbed, variant, "never", 0, 0) == 0
        assert run_child(undisturbed, variant, "never", 0, 0) == 0
        return kills, differences(disturbed, undisturbed)


def main() -> int:
    """Disturb every variant."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=3, help="of each of the twelve runs")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "1"}  # as in a run
    dice = random.Random(options.seed)
    variants = itertools.product("abc", ["float32", "bfloat16"], ["autodiff", "manual"])
    total = bad = 0
    for variant in variants:
        moments = []
        for kind in dice.choices(list(MOMENTS), k=options.kills):
            moments.append((kind, dice.randint(1, MOMENTS[kind]), dice.uniform(1, 9)))
        kills, differing = attempt(variant, moments)
        total, bad = total + kills, bad + bool(differing)
        killed = ", ".join(f"{m} {s:.1f}" if m == "seconds" else f"{m} {n}" for m, n, s in moments)
        verdict = f"DIFFERENT: {', '.join(differing)}" if differing else "equal"
        print(f"{' '.join(variant)}: {kills} kills ({killed}): {verdict}", flush=True)
    print(f"{total} kills, {bad} runs that differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
