"""The run folders that a user names, each by itself or all by a folder above them."""

from collections.abc import Iterable
from pathlib import Path

from bnstudy.errors import UserError
from bnstudy.paths import as_list, user_path

_FILES = ("config.yaml", "metrics.csv")
_ASIDE = ".old-"  # in the name of a folder that `--fresh` has kept aside


def run_folders(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return run folders, each once: those named, and all below the other folders named.

    Those that `--fresh` has kept aside count only by their own name.

    Args:
        paths: one or several.

    Raises:
        UserError: a folder does not exist, or there is no run folder below it.

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
    below = sorted(config.parent for config in folder.rglob(_FILES[0]))
    runs = [
        run
        for run in below
        if (run / _FILES[1]).is_file()
        and not any(_ASIDE in part for part in run.relative_to(folder).parts)
    ]
    if not runs:
        raise UserError(f"{folder} is not a run folder (it has no config.yaml) and holds none")
    return runs
