"""Where the runs of a plan are: finished here, published, or still to be made."""

from collections.abc import Sequence
from pathlib import Path

from bnstudy.config.schema import Config, affects_results
from bnstudy.errors import UserError
from bnstudy.output import echo
from bnstudy.run_folder.find import run_folders
from bnstudy.run_folder.folder import backup, finished_result
from bnstudy.run_folder.log import load_log
from bnstudy.sweep import Run

PUBLISHED = Path("logs/published")
Published = dict[str, Path]  # what made a run -> its folder


def published_runs(place: Path | None) -> Published:
    """Return the finished published runs.

    Args:
        place: a folder that holds some, at any depth; None: logs/published, if it is there.

    Raises:
        UserError: there is no such folder, or no run in it, or one of them is damaged.

    """
    if place is None and not PUBLISHED.is_dir():
        return {}
    logs = [load_log(folder) for folder in run_folders(place or PUBLISHED)]
    return {_made_by(log.config): log.folder for log in logs if log.result is not None}


def finished_folder(run: Run, published: Published) -> Path | None:
    """Return where a finished run is: its own folder, or else a published one; None: nowhere.

    Published runs count where everything that can change a result is equal, the seed included.
    """
    for folder in (run.folder, published.get(_made_by(run.config))):
        try:
            if folder is not None and finished_result(folder, run.config) is not None:
                return folder
        except (UserError, OSError):  # to be run: then it says what is wrong with the folder
            continue
    return None


def start_over(runs: Sequence[Run], out: Path) -> None:
    """Keep aside what has been answered from runs made here; continue what has only begun.

    Args:
        runs: of the plan.
        out: the folder that they go to.

    """
    answered = out / "verdict.json"
    if answered.is_file() and all(finished_folder(run, {}) for run in runs):
        echo(f"kept aside: {backup(out)}")
    answered.unlink(missing_ok=True)  # it was answered from published runs


def _made_by(config: Config) -> str:
    return str([(key, value) for key, value in config.flat().items() if affects_results(key)])
