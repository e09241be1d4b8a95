"""The runs that a user names for a figure, each by its folder or all by the folder above."""

import warnings
from collections.abc import Iterable
from pathlib import Path

from bnstudy.errors import UserError
from bnstudy.paths import as_list, user_path
from bnstudy.run_folder.log import RunLog, load_log

_FILES = ("config.yaml", "metrics.csv")


def load_runs(folders: str | Path | Iterable[str | Path]) -> list[RunLog]:
    """Read run folders, and those in a folder of run folders, such as a sweep's.

    Runs without a finished epoch are left out, with a warning, unless no run has any: a sweep may
    be under way.

    Args:
        folders: one path or several.

    Raises:
        UserError: one is neither a run folder nor a folder of run folders, or a log is damaged.

    """
    given = as_list(folders, "run_folders", "paths of run folders")
    logs = [load_log(run) for folder in given for run in _runs_in(folder)]
    started = [log for log in logs if len(log.metrics["epoch"])]
    if 0 < len(started) < len(logs):
        early = ", ".join(str(log.folder) for log in logs if log not in started)
        warnings.warn(f"left out, since no epoch has finished yet: {early}", stacklevel=3)
    return started or logs


def _runs_in(path: str | Path) -> list[Path]:
    """Return a run folder itself, or the run folders directly in it without those kept aside."""
    folder = user_path(path, "run_folder", "the path of a run folder")
    if not folder.is_dir() or any((folder / name).exists() for name in _FILES):
        return [folder]
    inside = [
        child
        for child in sorted(folder.iterdir())
        if all((child / name).is_file() for name in _FILES) and ".old-" not in child.name
    ]
    if not inside:
        raise UserError(f"{folder} is not a run folder (it has no config.yaml) and holds none")
    return inside
