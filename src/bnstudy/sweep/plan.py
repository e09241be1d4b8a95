"""Plans: many runs from one YAML file.

    out: logs/rates                      # where the run folders go, from the current folder [logs]
    grid:                                # every combination
      case: [a, b]
      preset: [lite]
      seed: [0, 1, 2]
      optimizer.learning_rate: [3.0e-4, 3.0e-3]
    runs:                                # and any others, one by one
      - {case: c, preset: [lite, as_posted], name: as-posted}

A run has `case`, `preset` (a name or several), `config` (a file, relative to the plan), `name` (of
its folder), and any key of the configuration, dotted or in its group: `model: {width: 0.25}`.
"""

import itertools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bnstudy.config.load import load_config
from bnstudy.config.schema import Config, flatten
from bnstudy.config.yaml_reader import read_yaml, show
from bnstudy.errors import UserError
from bnstudy.paths import user_path
from bnstudy.run_folder.name import run_name

PLAN_KEYS = ("out", "grid", "runs")
MAX_RUNS = 10_000
OURS = "the plan"  # as messages call the source of what a run states itself
MAX_NAME = 200  # bytes; file systems take 255, and the lock beside a folder needs some


@dataclass
class Run:
    """One run of a plan.

    Attributes:
        config: resolved.
        folder: of the run.
        arguments: of `bnstudy run`.
        index: in the plan, from 0.
        file: the plan's own configuration of the run, if it has one.
        state: waiting, running, finished, failed, interrupted, or elsewhere: in use by others.
        last_line: that it printed, or why it has failed, cannot begin, or does not begin again.
        exit_code: of its process, once that has ended.

    """

    config: Config
    folder: Path
    arguments: list[str]
    index: int
    file: Path | None = None
    state: str = "waiting"
    last_line: str = ""
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
    entries = _entries(plan, path)
    runs = [_make_run(entry, out, path, index) for index, entry in enumerate(entries)]
    if not runs:
        stated = [f"{key} is empty; " for key in ("grid", "runs") if key in plan]
        raise UserError(f"{path}: {''.join(stated)}a plan needs a grid, or a list of runs")
    folders = [run.folder for run in runs]
    if twice := {folder for folder in folders if folders.count(folder) > 1}:
        raise UserError(f"{path}: two runs would go to {min(twice)}; give one a name")
    return runs


def select(runs: list[Run], only: tuple[int, int] | None) -> list[Run]:
    """Return the runs of a range of indices.

    Args:
        runs: of the whole plan.
        only: the first and the last index; None: all.

    Raises:
        UserError: the plan has no such run.

    """
    if only is None:
        return runs
    first, last = only
    if not first <= last < len(runs):
        asked = f"{first}-{last}" if first != last else f"{first}"
        raise UserError(
            f"--only {asked}: the plan has the runs 0 to {len(runs) - 1} (see sweep --list)"
        )
    return runs[first : last + 1]


def _entries(plan: Mapping[str, Any], path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield what each run states: the combinations of the grid, then the list."""
    grid, runs = plan.get("grid", {}), plan.get("runs", [])
    if not isinstance(grid, Mapping) or not all(isinstance(v, list) for v in grid.values()):
        raise UserError(f"{path}: grid: must map keys to lists of values")
    for key, values in grid.items():
        if not values:
            right = "give at least one value, or drop the key"
            raise UserError(f"{path}: grid: {show(key)} is an empty list; {right}")
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


def _make_run(entry: Mapping[str, Any], out: Path, path: Path, index: int) -> Run:
    keys = _dotted(entry, f"{path}: run {index}")
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
        sources = dict.fromkeys(("case", *keys), OURS)
        config = load_config(case, presets, file, keys, sources=sources)
        if config.case is None:
            raise UserError("which case? say case: a, b or c")
    except UserError as error:
        what = str(error).removeprefix(f"{OURS}: ")
        raise UserError(f"{path}: run {index}: {what}") from None
    arguments = ["--case", config.case]
    arguments += [part for preset in presets for part in ("--preset", preset)]
    arguments += ["--config", str(file)] if file is not None else []
    changes = [f"{key}={_flow(value)}" for key, value in keys.items()]
    arguments += [part for change in changes for part in ("--set", change)]
    if name is None:
        named = [change for change in changes if not change.startswith("seed=")]  # run_name adds it
        name = run_name(config, presets, file, named)
    if not _names_a_folder(name):
        raise UserError(f"{path}: run {index}: name: must name one folder, got {show(name)}")
    return Run(config, out / name, arguments, index=index, file=file)


def _dotted(entry: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return what a run states with the keys in groups dotted, so that both are named the same."""
    keys: dict[str, Any] = {}
    for key, value in flatten(entry):
        if key in keys:
            raise UserError(f"{where}: {key} is given twice, nested and dotted; drop one")
        keys[key] = value
    return keys


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
