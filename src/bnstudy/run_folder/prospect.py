"""What the next start of an unfinished run will do, and why there is one."""

from pathlib import Path

from bnstudy.run_folder import checkpoint
from bnstudy.run_folder.provenance import starts

_ENDS = {
    "running": "was killed",  # nobody holds the folder: it could not say so itself
    "killed": "was killed",
    "interrupted": "was stopped",
    "failed": "failed",
    "finished": "finished with fewer epochs",
}


def prospect(folder: Path) -> str:
    """Return where a run goes on and how it ended last, in words; "" where it has never begun.

    Args:
        folder: of a run that has not finished and that nobody is working on.

    Raises:
        UserError: environment.json is damaged.

    """
    if not folder.is_dir() or not (entries := starts(folder)):
        return ""
    newest = checkpoint.newest(folder / "checkpoints")
    then = "starts again" if newest is None else f"continues from step {_step(newest)}"
    last = entries[-1]
    why = f": {last['error']}" if "error" in last else ""
    return f"{then}; the last time it {_ENDS.get(last.get('outcome', ''), 'did not finish')}{why}"


def _step(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))
