"""The runs of a report: from paths to logs, grouped by everything but the seed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bnstudy.errors import UserError
from bnstudy.paths import as_list, user_path
from bnstudy.plots.groups import Group, group_runs
from bnstudy.run_folder.files import read_json
from bnstudy.run_folder.find import run_folders
from bnstudy.run_folder.log import RunLog, load_log
from bnstudy.run_folder.provenance import starts


@dataclass(frozen=True)
class Benchmark:
    """What `bnstudy bench --json` printed into a file."""

    path: Path
    results: dict[str, Any]

    def milliseconds(self, name: str, precision: str) -> np.ndarray | None:
        """Return a contender's time per training step in each round, or None if it is not there."""
        for row in self.results["rows"]:
            if (row.get("name"), row.get("precision")) == (name, precision):
                rounds = row.get("training_ms_by_round")
                return np.array(rounds, np.float64) if rounds else None
        return None


@dataclass(frozen=True)
class Evidence:
    """What a report is made of: finished runs, runs that have not finished, benchmarks."""

    groups: list[Group]  # of finished runs
    unfinished: list[RunLog]
    benchmarks: list[Benchmark]


def read(paths: Sequence[str | Path]) -> Evidence:
    """Read run folders, folders of run folders at any depth, and files of `bnstudy bench --json`.

    Args:
        paths: at least one.

    Raises:
        UserError: there is no run below one of them, or two have the same configuration and seed.

    """
    given = [
        user_path(path, "run_folders", "paths of run folders")
        for path in as_list(paths, "run_folders", "paths of run folders")
    ]
    if not given:
        raise UserError("nothing to report: give at least one run folder")
    files = {path.resolve(): path for path in given if path.is_file()}  # each counts once
    benchmarks = [read_benchmark(path) for path in files.values()]
    logs = [load_log(folder) for folder in run_folders(p for p in given if not p.is_file())]
    groups = group_runs([log for log in logs if log.result is not None])
    for group in groups:
        _refuse_the_same_seed_twice(group)
    return Evidence(groups, [log for log in logs if log.result is None], benchmarks)


def read_benchmark(path: Path) -> Benchmark:
    """Read a file of `bnstudy bench --json`.

    Raises:
        UserError: it is another file, or damaged.

    """
    results = read_json(path) if path.suffix == ".json" else None
    rows = results.get("rows", ()) if results is not None else ()
    named = isinstance(rows, list) and all(
        isinstance(row, dict) and {"name", "precision"} <= set(row) for row in rows
    )
    if results is None or not named or "network" not in results:
        raise UserError(
            f"{path} is a file, but not of `bnstudy bench --json` (without --convolutions); give "
            "run folders or such files"
        )
    network = results["network"]
    if not isinstance(network, dict) or not _is_positive(network.get("width")):
        raise UserError(f"{path} is damaged: network must have a width")
    contenders = [(row.get("name"), row.get("precision")) for row in rows]
    if len(set(map(str, contenders))) < len(contenders):
        raise UserError(f"{path} is damaged: two rows have the same name and precision")
    for row in rows:
        for name, value in row.items():
            if name.endswith(("_ms", "_mb")) and value is not None and not _is_positive(value):
                raise UserError(f"{path} is damaged: {name} must be a positive number")
    rounds = [row["training_ms_by_round"] for row in rows if row.get("training_ms_by_round")]
    if not all(isinstance(times, list) and all(map(_is_positive, times)) for times in rounds):
        raise UserError(f"{path} is damaged: training_ms_by_round must be positive numbers")
    if len({len(times) for times in rounds}) > 1:
        raise UserError(f"{path} is damaged: training_ms_by_round differ in their number")
    return Benchmark(path, results)


def _is_positive(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 < value < math.inf


def _refuse_the_same_seed_twice(group: Group) -> None:
    seen: dict[int, Path] = {}
    for log in group.logs:
        first = seen.setdefault(log.config.seed, log.folder)
        if first != log.folder:
            raise UserError(
                f"{first} and {log.folder} are the same configuration with the same seed; a seed "
                "counts once, so give one of them"
            )


def commits(log: RunLog) -> list[str]:
    """Return the commits that made a run, shortened, with + where files had been changed."""
    states = [entry.get("git") for entry in starts(log.folder)]
    names = [
        str(state["commit"])[:7] + ("+" if state.get("dirty") else "")
        for state in states
        if isinstance(state, dict) and state.get("commit")
    ]
    return list(dict.fromkeys(names))
