"""Write files so that an interruption leaves the old or the new content, never half of it."""

import json
import os
import re
from pathlib import Path
from typing import Any

from bnstudy.errors import UserError, one_line

_TEMPORARY = re.compile(r"\..+\.\d+\.tmp")  # as write_bytes_atomic names them


def is_temporary(path: Path) -> bool:
    """Return whether a file was left by a process that was killed while writing."""
    return _TEMPORARY.fullmatch(path.name) is not None


def write_json(path: str | Path, value: dict[str, Any]) -> None:
    """Write a JSON file atomically; NaN is refused, because JSON has none."""
    text = json.dumps(value, indent=2, allow_nan=False)
    write_text_atomic(path, text + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object, or None where there is no such file.

    Args:
        path: of the file; it may have a byte-order mark.

    Raises:
        UserError: it is damaged.

    """
    if not path.exists():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: it is not JSON ({one_line(error)})") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} is damaged: it must hold a JSON object")
    return value


def write_text_atomic(path: str | Path, text: str) -> None:
    """Write text as UTF-8; see write_bytes_atomic."""
    write_bytes_atomic(path, text.encode("utf-8"))


def write_bytes_atomic(path: str | Path, data: bytes) -> None:
    """Write a file so that, whatever happens, it has its complete old or new content."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the new name itself must survive a power cut; Windows has no such call
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
