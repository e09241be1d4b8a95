"""The runs of a figure: those that a user names, without those that have only started."""

import warnings
from collections.abc import Iterable
from pathlib import Path

from bnstudy.run_folder.find import run_folders
from bnstudy.run_folder.log import RunLog, load_log


def load_runs(folders: str | Path | Iterable[str | Path]) -> list[RunLog]:
    """Read run folders, and those below a folder such as a sweep's.

    Runs without a finished epoch are left out, with a warning, unless no run has any: a sweep may
    be under way.

    Args:
        folders: one path or several.

    Raises:
        UserError: one is neither a run folder nor a folder of run folders, or a log is damaged.

    """
    logs = [load_log(run) for run in run_folders(folders)]
    started = [log for log in logs if len(log.metrics["epoch"])]
    if 0 < len(started) < len(logs):
        early = ", ".join(str(log.folder) for log in logs if log not in started)
        warnings.warn(f"left out, since no epoch has finished yet: {early}", stacklevel=3)
    return started or logs
