"""What a plan needs of a worker: our versions, the storage of the run folders, the data."""

import hashlib
import importlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import bnstudy
from bnstudy.config.registry import DATASETS
from bnstudy.errors import UserError, one_line
from bnstudy.run_folder.environment import git_state, versions
from bnstudy.run_folder.files import write_text_atomic
from bnstudy.sweep.plan import Run

STORAGE = ".storage"  # a file beside the run folders, with a text that no other storage has


@dataclass(frozen=True)
class Needs:
    """What the runs of a plan need of every worker.

    Attributes:
        versions: name -> version, of the packages that decide a result.
        storage: file -> its SHA-256: the mark beside the run folders, the plan's own files.
        data: (data.name, data.dir) of the runs.

    """

    versions: tuple[tuple[str, str | None], ...]
    storage: tuple[tuple[str, str], ...]
    data: tuple[tuple[str, str | None], ...]

    @property
    def name(self) -> str:
        """Return a name that every client of the same plan gives to these needs."""
        return f"bnstudy-{hashlib.sha256(repr(self).encode()).hexdigest()[:16]}"


def needs_of(runs: Iterable[Run]) -> Needs:
    """Return the needs of runs, and mark their storage.

    Raises:
        OSError: the storage cannot be written.

    """
    runs = list(runs)
    files = {_mark(run.folder.parent) for run in runs} | {run.file for run in runs if run.file}
    return Needs(
        versions=tuple(_versions().items()),
        storage=tuple(sorted((str(path.resolve()), _digest(path)) for path in files)),
        data=tuple(sorted({(run.config.data.name, run.config.data.dir) for run in runs}, key=str)),
    )


def objection(needs: Needs) -> str | None:
    """Return why this machine cannot make the runs; None: it can."""
    ours = _versions()
    for name, wanted in needs.versions:
        if ours.get(name) != wanted:
            return f"it has {name} {ours.get(name)}, the client has {wanted}"
    for path, digest in needs.storage:
        try:
            same = _digest(Path(path)) == digest
        except OSError as error:
            return f"it does not see {path} ({error.strerror}); the folder must be shared"
        if not same:
            return f"its {path} differs from the client's; the folder must be shared"
    for name, place in needs.data:
        if why := _no_data(name, place):
            return why
    return None


def _versions() -> dict[str, str | None]:
    """Return what has to be equal for equal digits; Python and NumPy make none of them."""
    installed = versions()
    commit = git_state(Path(bnstudy.__file__).resolve())
    return {
        **{name: installed[name] for name in ("bnstudy", "tensorflow", "keras")},
        "bnstudy's commit": commit["commit"] if commit else None,
    }


def _no_data(name: str, place: str | None) -> str | None:
    """Return why a data set is not on this machine; what is built in always is."""
    module = importlib.import_module(DATASETS[name].partition(":")[0])
    if not hasattr(module, "find"):
        return None
    try:
        found = module.find(place)
    except UserError as error:
        return one_line(error)
    missing = f"it does not find {name}; set BNSTUDY_DATA or run `bnstudy data fetch` there"
    return None if found else missing


def _mark(folder: Path) -> Path:
    mark = folder / STORAGE
    if not mark.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_text_atomic(mark, secrets.token_hex(16) + "\n")
    return mark


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
