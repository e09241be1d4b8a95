"""Many runs from one YAML plan, each in a process of its own: skipped, continued or begun.

    out: logs/rates                      # where the run folders go, from the current folder [logs]
    grid:                                # every combination
      case: [a, b]
      preset: [lite]
      seed: [0, 1, 2]
      optimizer.learning_rate: [3.0e-4, 3.0e-3]
    runs:                                # and any others, one by one
      - {case: c, preset: [lite, as_posted], name: as-posted}

A run has `case`, `preset` (a name or several), `config` (a file, relative to the plan), `name` (of
its folder), and any key of the configuration.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bnstudy.config import Config, load_config
from bnstudy.errors import UserError, one_line
from bnstudy.interrupts import EXIT_CODE, Interrupted, StopRequest, listening
from bnstudy.output import say
from bnstudy.run_folder import finished
from bnstudy.run_name import run_name
from bnstudy.yaml_reader import read_yaml, show

PLAN_KEYS = ("out", "grid", "runs")
MAX_RUNS = 10_000
MAX_NAME = 200  # bytes; file systems take 255, and the lock beside a folder needs some


@dataclass
class Run:
    """One run of a plan."""

    config: Config
    folder: Path
    arguments: list[str]  # of `bnstudy run`
    state: str = "waiting"  # then running, finished, failed or interrupted
    last_line: str = ""  # that it printed
    exit_code: int | None = None


def load_plan(path: str | Path) -> list[Run]:
    """Read a plan and resolve every configuration in it, before anything is run.

    Args:
        path: the YAML file.

    Raises:
        UserError: the plan is wrong, or one of its configurations is; names the run.

    """
    path = Path(path)
    plan = read_yaml(path)
    if unknown := [key for key in plan if key not in PLAN_KEYS]:
        raise UserError(f"{path}: unknown key {unknown[0]!r}; a plan has {', '.join(PLAN_KEYS)}")
    out = plan.get("out", "logs")
    if not isinstance(out, str) or not out:
        raise UserError(f"{path}: out: must be a folder, got {show(out)}")
    runs = [
        _make_run(entry, Path(out), path, number)
        for number, entry in enumerate(_entries(plan, path), start=1)
    ]
    if not runs:
        raise UserError(f"{path}: a plan needs a grid, or a list of runs")
    folders = [run.folder for run in runs]
    if twice := {folder for folder in folders if folders.count(folder) > 1}:
        raise UserError(f"{path}: two runs would go to {min(twice)}; give one a name")
    return runs


def _entries(plan: Mapping[str, Any], path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield what each run states: the combinations of the grid, then the list."""
    grid, runs = plan.get("grid", {}), plan.get("runs", [])
    if not isinstance(grid, Mapping) or not all(isinstance(v, list) for v in grid.values()):
        raise UserError(f"{path}: grid: must map keys to lists of values")
    if not isinstance(runs, list) or not all(isinstance(run, Mapping) for run in runs):
        raise UserError(f"{path}: runs: must be a list of mappings such as {{case: c, seed: 1}}")
    count = len(runs)
    if grid:
        size = 1
        for values in grid.values():
            size *= len(values)
        count += size
    if count > MAX_RUNS:
        raise UserError(f"{path}: {count:,} runs, at most {MAX_RUNS:,} are allowed")
    if grid:
        for values in itertools.product(*grid.values()):
            yield dict(zip(grid, values, strict=True))
    yield from runs


def _make_run(entry: Mapping[str, Any], out: Path, path: Path, number: int) -> Run:
    keys = dict(entry)
    case, name, file = (keys.pop(key, None) for key in ("case", "name", "config"))
    presets = keys.pop("preset", None) or []
    presets = [presets] if isinstance(presets, str) else presets
    try:
        if not isinstance(presets, list) or not all(isinstance(p, str) for p in presets):
            raise UserError(f"preset: must be a name or a list of names, got {show(presets)}")
        if not isinstance(file, str | None):
            raise UserError(f"config: must be a file, got {show(file)}")
        if file is not None:
            file = path.parent / file
        config = load_config(case, presets, file, keys)
        if config.case is None:
            raise UserError("which case? say case: a, b or c")
    except UserError as error:
        raise UserError(f"{path}: run {number}: {error}") from None
    arguments = ["--case", config.case]
    arguments += [part for preset in presets for part in ("--preset", preset)]
    arguments += ["--config", str(file)] if file is not None else []
    changes = [f"{key}={_flow(value)}" for key, value in keys.items()]
    arguments += [part for change in changes for part in ("--set", change)]
    if name is None:
        told = [change for change in changes if not change.startswith("seed=")]
        name = run_name(config, presets, file, told)
    if not _names_a_folder(name):
        raise UserError(f"{path}: run {number}: name: must name one folder, got {show(name)}")
    return Run(config, out / name, arguments)


def _names_a_folder(name: Any) -> bool:
    return (
        isinstance(name, str)
        and name.isprintable()
        and name not in ("", ".", "..")
        and Path(name).name == name
        and len(os.fsencode(name)) <= MAX_NAME
    )


def _flow(value: Any) -> str:
    """Write a value as YAML on one line, as --set reads it."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000_000)
    return text.removesuffix("\n").removesuffix("\n...")


def run_plan(runs: list[Run], jobs: int) -> int:
    """Run what is not finished, `jobs` at a time, and show how it goes.

    SIGINT and SIGTERM are handed on once to every run, which saves and stops.

    Args:
        runs: from `load_plan`.
        jobs: processes at once.

    Returns:
        The exit code: 0 if all have finished, 2 if the input of some was wrong, 1 if some broke.

    Raises:
        Interrupted: the sweep was asked to stop, and every run has saved its state.

    """
    processes: set[subprocess.Popen] = set()
    for run in runs:
        _settle(run)
    say(table(runs))
    waiting = [run for run in runs if run.state == "waiting"]
    with listening(lambda: _hand_on(processes)) as stop:
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            futures = [pool.submit(_execute, run, processes, stop) for run in waiting]
            for future in futures:
                future.result()
        say(table(runs))
        if stop:
            raise Interrupted("the sweep was stopped, and what the runs saved is whole")
    codes = {run.exit_code for run in runs if run.state == "failed"}
    return 0 if not codes else 2 if codes == {2} else 1


def _settle(run: Run) -> None:
    """Find out whether a run has finished already."""
    try:
        if finished(run.folder, run.config) is not None:
            run.state = "finished"
    except (UserError, OSError) as error:
        run.state, run.last_line, run.exit_code = "failed", one_line(error), 2


def _execute(run: Run, processes: set[subprocess.Popen], stop: StopRequest) -> None:
    """Run one process, and pass on what it prints under the name of its folder."""
    if stop:
        return
    # -P: the module is the installed one, whatever lies in the current folder.
    program = [sys.executable, "-P", "-m", "bnstudy"]
    command = [*program, "run", *run.arguments, "--out", str(run.folder)]
    run.state = "running"
    # In a session of its own, a Ctrl-C of the terminal reaches it through us alone, and only once.
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    processes.add(process)
    if stop:  # asked between the check above and now
        process.send_signal(signal.SIGTERM)
    for line in process.stderr:
        run.last_line = line.strip()
        say(f"{run.folder.name}: {run.last_line}")
    run.exit_code = process.wait()
    processes.discard(process)
    run.state = "failed"
    if run.exit_code == EXIT_CODE or (stop and run.exit_code < 0):
        run.state = "interrupted"
    elif run.exit_code == 0:
        _settle(run)  # the folder has the last word


def _hand_on(processes: set[subprocess.Popen]) -> None:
    for process in list(processes):
        process.send_signal(signal.SIGTERM)


def table(runs: list[Run]) -> str:
    """Show the state of every run in a table."""
    width = max(len(run.folder.name) for run in runs)
    lines = [f"{'run':<{width}}  state        epochs  test accuracy"]
    for run in runs:
        epochs, accuracy = _figures(run.folder)
        of = run.config.training.epochs
        why = f"  {run.last_line}" if run.state == "failed" else ""
        lines.append(
            f"{run.folder.name:<{width}}  {run.state:<11}  {epochs:>2}/{of:<3}  {accuracy}{why}"
        )
    states = [run.state for run in runs]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    return "\n".join([*lines, counts])


def _figures(folder: Path) -> tuple[int, str]:
    """Return the finished epochs and the last test accuracy, as far as the log tells."""
    try:
        lines = (folder / "metrics.csv").read_text(encoding="utf-8").splitlines()[1:]
        return len(lines), f"{float(lines[-1].split(',')[6]):.4f}"
    except (OSError, ValueError, IndexError):
        return 0, "-"
