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

from bnstudy.config.load import load_config
from bnstudy.config.schema import Config
from bnstudy.config.yaml_reader import read_yaml, show
from bnstudy.errors import UserError, one_line
from bnstudy.interrupts import EXIT_CODE, Interrupted, StopRequest, graceful_stop
from bnstudy.output import echo
from bnstudy.paths import user_path
from bnstudy.run_folder.name import run_name

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
    path = user_path(path, "path", "the path of a plan")
    plan = read_yaml(path)
    if unknown := [key for key in plan if key not in PLAN_KEYS]:
        raise UserError(f"{path}: unknown key {unknown[0]!r}; a plan has {', '.join(PLAN_KEYS)}")
    out = plan.get("out", "logs")
    if not isinstance(out, str) or not out:
        raise UserError(f"{path}: out: must be a folder, got {show(out)}")
    out = user_path(out, f"{path}: out", "a folder")
    runs = [
        _make_run(entry, out, path, number)
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
            file = path.parent / user_path(file, "config", "a file")
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
        named = [change for change in changes if not change.startswith("seed=")]  # run_name adds it
        name = run_name(config, presets, file, named)
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
    """Run what is not finished, `jobs` at a time, and print the state of every run.

    SIGINT and SIGTERM are forwarded to every run, which saves and stops; a second one stops the
    runs immediately.

    Args:
        runs: from `load_plan`.
        jobs: runs at a time.

    Returns:
        The exit code: 0 if all have finished, 2 if the input of some was wrong, 1 if some failed.

    Raises:
        Interrupted: the sweep was asked to stop, and every run has saved its state.
        KeyboardInterrupt: it was asked twice; the last checkpoint of every run is intact.

    """
    processes: set[subprocess.Popen[str]] = set()
    for run in runs:
        _update_state(run)
    echo(table(runs))
    waiting = [run for run in runs if run.state == "waiting"]
    with graceful_stop(lambda: _forward_signal(processes)) as stop:
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            futures = [pool.submit(_execute, run, processes, stop) for run in waiting]
            for future in futures:
                future.result()
        echo(table(runs))
        if stop:
            raise Interrupted("the sweep was stopped; the last checkpoint of every run is intact")
    codes = {run.exit_code for run in runs if run.state == "failed"}
    return 0 if not codes else 2 if codes == {2} else 1


def _update_state(run: Run) -> None:
    """Mark a run that has finished already, or whose folder cannot be used."""
    from bnstudy.run_folder.folder import finished_result  # NumPy: not for a wrong plan

    try:
        if finished_result(run.folder, run.config) is not None:
            run.state = "finished"
    except (UserError, OSError) as error:
        run.state, run.last_line, run.exit_code = "failed", one_line(error), 2


def _execute(run: Run, processes: set[subprocess.Popen[str]], stop: StopRequest) -> None:
    """Run one process, and print its lines after the name of its folder."""
    if stop:
        return
    # -P: the module is the installed one, whatever is in the current folder.
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
    for line in process.stderr or ():
        run.last_line = line.strip()
        echo(f"{run.folder.name}: {run.last_line}")
    run.exit_code = process.wait()
    processes.discard(process)
    run.state = "failed"
    if run.exit_code == EXIT_CODE or (stop and run.exit_code < 0):
        run.state = "interrupted"
    elif run.exit_code == 0:
        _update_state(run)  # what the folder holds decides


def _forward_signal(processes: set[subprocess.Popen[str]]) -> None:
    for process in list(processes):
        process.send_signal(signal.SIGTERM)


def table(runs: list[Run]) -> str:
    """Return the state of every run as a table."""
    width = max(len(run.folder.name) for run in runs)
    lines = [f"{'run':<{width}}  state        epochs  test accuracy"]
    for run in runs:
        epochs, accuracy = _last_epoch(run.folder)
        of = run.config.training.epochs
        why = f"  {run.last_line}" if run.state == "failed" else ""
        lines.append(
            f"{run.folder.name:<{width}}  {run.state:<11}  {epochs:>2}/{of:<3}  {accuracy}{why}"
        )
    states = [run.state for run in runs]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    return "\n".join([*lines, counts])


def _last_epoch(folder: Path) -> tuple[int, str]:
    """Return the number of finished epochs and the last test accuracy, "-" if there is none."""
    from bnstudy.run_folder.log import read_metrics

    try:
        rows = read_metrics(folder / "metrics.csv")
    except (UserError, OSError):
        rows = []
    return len(rows), f"{rows[-1].test_accuracy:.4f}" if rows else "-"
