"""Where the runs of a plan are: finished here, published, or still to be made."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from bnstudy.config.schema import Config, affects_results
from bnstudy.errors import UserError
from bnstudy.output import echo
from bnstudy.questions.kept import is_kept
from bnstudy.run_folder.find import run_folders
from bnstudy.run_folder.folder import backup, finished_result
from bnstudy.run_folder.log import load_log
from bnstudy.run_folder.weights import FILE
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
    finished = [log for log in logs if log.result is not None]
    finished.sort(key=lambda log: has_network(log.folder))  # of two alike, the one with a network
    return {_made_by(log.config): log.folder for log in finished}


def finished_folder(run: Run, published: Published, kept: Iterable[str] = ()) -> Path | None:
    """Return where a finished run is: its own folder, or else a published one; None: nowhere.

    Published runs count where everything that can change a result is equal, the seed included.

    Args:
        run: of the plan.
        published: what `published_runs` found.
        kept: names of the evaluations that are needed. A published run that has neither them nor
            the network to make them with does not count.

    """
    for folder in (run.folder, published.get(_made_by(run.config))):
        try:
            if folder is None or finished_result(folder, run.config) is None:
                continue
            own = folder == run.folder  # trained here; without its network, evaluation says so
            if own or has_network(folder) or all(is_kept(folder, name) for name in kept):
                return folder
        except (UserError, OSError):  # to be run: then it says what is wrong with the folder
            continue
    return None


def has_network(folder: Path) -> bool:
    """Return whether a finished run still has its network."""
    return any((folder / name).exists() for name in (FILE, "checkpoints"))


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
