"""TF_CONFIG in the environment: which of several processes that train one run this one is.

Such a process is called a worker; the first one, the chief, alone writes to the run folder.
TensorFlow is not needed to read it, so that a mistake is found before it is imported.
"""

import functools
import json
import os
import re
from typing import Any, NamedTuple

from bnstudy.errors import UserError

_FORM = '{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}'


class Place(NamedTuple):
    """Which of how many workers this process is."""

    number: int
    workers: int


@functools.cache
def place() -> Place:
    """Read TF_CONFIG.

    Raises:
        UserError: it is not of the form that TensorFlow documents, with workers alone.

    """
    text = os.environ.get("TF_CONFIG", "")
    if not text.strip():
        return Place(0, 1)
    try:
        return _place(json.loads(text))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = f": {error}" if type(error) is ValueError else ""  # ours; json's are of another type
        raise UserError(f"TF_CONFIG in the environment must be of the form {_FORM}{why}") from None


def _place(said: Any) -> Place:
    """Return the place that TF_CONFIG describes.

    Raises:
        ValueError: it has the right keys, but one of its values cannot be.
        KeyError, TypeError: it has other keys.

    """
    workers, task = said["cluster"]["worker"], said["task"]
    if set(said["cluster"]) != {"worker"} or task["type"] != "worker":
        raise ValueError("with workers alone")
    if not isinstance(workers, list) or not workers:
        raise ValueError("worker must be a list of addresses")
    for address in workers:
        if not _is_address(address):
            raise ValueError(f"{json.dumps(address)} is no HOST:PORT")
    if len(set(workers)) < len(workers):
        raise ValueError("every worker needs an address of its own")
    index = str(task["index"])  # a number, or as TensorFlow allows, a text
    if not re.fullmatch("[0-9]{1,9}", index) or int(index) >= len(workers):
        raise ValueError(f"index must be 0 to {len(workers) - 1}, got {json.dumps(task['index'])}")
    return Place(int(index), len(workers))


def _is_address(address: Any) -> bool:
    match = re.fullmatch(r"\S+:([0-9]{1,5})", address) if isinstance(address, str) else None
    return match is not None and 0 < int(match[1]) <= 65535


def check(devices: int | str) -> None:
    """Refuse a run whose devices cannot be divided among the workers.

    Args:
        devices: `training.devices`, of all workers together.

    Raises:
        UserError: they cannot, or TF_CONFIG is wrong.

    """
    workers = place().workers
    if isinstance(devices, int) and devices % workers:
        raise UserError(
            f"training.devices is {devices}, and TF_CONFIG in the environment names {workers} "
            f"workers; it must be a multiple of {workers}, or auto"
        )


def is_chief() -> bool:
    """Return whether this process writes the run folder."""
    return place().number == 0
