"""The run folders that a user names, each by itself or all by a folder above them."""

import os
from collections.abc import Iterable
from pathlib import Path

from bnstudy.errors import UserError
from bnstudy.paths import as_list, user_path
from bnstudy.run_folder.name import ASIDE

_FILES = ("config.yaml", "metrics.csv")


def run_folders(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return run folders, each once: those named, and all below the other folders named.

    Those that `--fresh` has kept aside count only by their own name.

    Args:
        paths: one or several.

    Raises:
        UserError: a folder does not exist, there is no run folder below it, or a finished run below
            it has no config.yaml.

    """
    given = as_list(paths, "run_folders", "paths of run folders")
    found = [run for path in given for run in _at_or_below(path)]
    return list({folder.resolve(): folder for folder in found}.values())


def _at_or_below(path: str | Path) -> list[Path]:
    folder = user_path(path, "run_folder", "the path of a run folder")
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give a run folder such as logs/case-c_seed-0")
    if any((folder / name).exists() for name in _FILES):
        return [folder]
    below = _folders_below(folder)
    config, metrics = _FILES
    runs = [run for run in below if (run / metrics).is_file() and (run / config).is_file()]
    for run in below:  # results would change without a word
        if (run / metrics).is_file() and (run / "result.json").is_file() and run not in runs:
            raise UserError(
                f"{run} is a run without {config}; restore the file, or move the folder"
            )
    if not runs:
        raise UserError(f"{folder} is not a run folder (it has no config.yaml) and holds none")
    return runs


def _folders_below(folder: Path) -> list[Path]:
    """Return all folders below one, in alphabetical order; links to folders are followed.

    A folder counts once, by its own path rather than by that of a link; so a circle of links ends.
    """
    found: dict[Path, Path] = {}
    for follow in (False, True):
        for path, names, _ in os.walk(folder, followlinks=follow):
            here = Path(path)
            names[:] = sorted(name for name in names if ASIDE not in name)
            if found.setdefault(here.resolve(), here) != here:
                names.clear()
    return sorted(found.values())
