"""Record each start of a run in environment.json, and how it ended."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bnstudy.errors import UserError, one_line
from bnstudy.interrupts import Interrupted
from bnstudy.run_folder import files
from bnstudy.run_folder.environment import environment, peak_memory_mb


@contextmanager
def record_run(folder: Path, command: Sequence[str], first_step: int) -> Iterator[None]:
    """Append an entry to environment.json, and record at the end how the run ended.

    A run whose entry still says "running" when the next one begins was killed.

    Args:
        folder: the run folder, held by this process.
        command: of this process.
        first_step: steps that earlier processes have done.

    Raises:
        UserError: environment.json is damaged.

    """
    path = folder / "environment.json"
    entries = starts(folder)
    for earlier in entries:
        if earlier.get("outcome") == "running":
            earlier["outcome"] = "killed"
    entry = {
        **environment(list(command)),
        "started": _now(),
        "stopped": None,
        "outcome": "running",
        "first_step": first_step,
        "peak_memory_mb": None,  # known at the end
    }
    entries.append(entry)
    files.write_json(path, {"continuations": entries})
    outcome = "failed"
    try:
        yield
        outcome = "finished"
    except (Interrupted, KeyboardInterrupt):  # asked to stop, once or twice
        outcome = "interrupted"
        raise
    except UserError as error:  # says what is needed; others may name paths of this machine
        entry["error"] = one_line(error)
        raise
    finally:
        entry |= {"stopped": _now(), "outcome": outcome, "peak_memory_mb": peak_memory_mb()}
        files.write_json(path, {"continuations": entries})


def starts(folder: Path) -> list[dict[str, Any]]:
    """Return the entries of environment.json, one for each start of a run; none before the first.

    Raises:
        UserError: environment.json is damaged.

    """
    path = folder / "environment.json"
    entries = (files.read_json(path) or {"continuations": []}).get("continuations")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path} is damaged: it must hold a list of continuations; remove it")
    return entries


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
