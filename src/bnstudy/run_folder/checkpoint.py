"""Checkpoints: the whole state of a run in one file that NumPy alone can read, without pickle.

A file `step-00004200.npz` holds every variable as an array under its name, and under "state" the
position, the running sums and the finished epochs as JSON text. "sha256" is the checksum of all of
it. There is no random state to keep: shuffling and augmentation are functions of the seed, the
epoch and the step.
"""

import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from bnstudy.errors import UserError, one_line
from bnstudy.run_folder import npz
from bnstudy.run_folder.advice import START_OVER
from bnstudy.run_folder.files import write_bytes_atomic

MAX_TO_KEEP = 2  # the newest, and the one before it in case the newest is corrupt


def save(folder: Path, step: int, arrays: dict[str, np.ndarray], state: dict[str, Any]) -> Path:
    """Write a checkpoint atomically and remove all but the last two.

    Args:
        folder: `checkpoints` of the run folder; created if missing.
        step: training steps since the start of the run.
        arrays: every variable by name.
        state: position, running sums and finished epochs, as values that JSON has.

    Returns:
        The file.

    """
    folder.mkdir(exist_ok=True)
    text = np.frombuffer(json.dumps(state).encode(), np.uint8)
    path = folder / f"step-{step:08d}.npz"
    write_bytes_atomic(path, npz.pack({**arrays, "state": text}))
    paths = _newest_first(folder)
    for other in paths[: paths.index(path)] + paths[paths.index(path) + MAX_TO_KEEP :]:
        other.unlink()  # older than the last two, or of a later step that was corrupt
    return path


def load_newest(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Read the newest checkpoint that is intact.

    Args:
        folder: `checkpoints` of the run folder.

    Returns:
        (arrays, state) as they were saved, or None where there is no checkpoint.

    Raises:
        UserError: there are checkpoints, and all are corrupt.

    """
    paths = _newest_first(folder)
    for path in paths:
        try:
            return load(path)
        except (OSError, MemoryError):  # the disk's or the machine's fault, not the file's
            raise
        except Exception as error:  # a damaged zip can raise nearly anything else
            warnings.warn(
                f"{path} is corrupt, using the one before it: {one_line(error)}", stacklevel=2
            )
            path.rename(path.with_suffix(".damaged"))
    if paths:
        raise UserError(f"{folder}: every checkpoint is corrupt; {START_OVER}")
    return None


def load(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read one checkpoint; as `load_newest`, but any damage is an error.

    Raises:
        Exception: of many kinds, when it is corrupt; ValueError when only the checksum is wrong.

    """
    content = npz.read(path)
    state = content.pop("state" if "state" in content else "progress")  # its name until 0.1
    return content, json.loads(state.tobytes())


def newest(folder: Path) -> Path | None:
    """Return the file of the newest checkpoint, intact or not, or None where there is none."""
    return next(iter(_newest_first(folder)), None)


def _newest_first(folder: Path) -> list[Path]:
    paths = (path for path in folder.glob("step-*.npz") if re.fullmatch(r"step-\d+", path.stem))
    return sorted(paths, key=lambda p: (len(p.name), p.name), reverse=True)
