"""Who ran it, when and with what: environment.json, one entry per start or continuation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bnstudy import run_log
from bnstudy.environment import environment
from bnstudy.interrupts import Interrupted


@contextmanager
def recorded(folder: Path, command: Sequence[str], first_step: int) -> Iterator[dict[str, Any]]:
    """Append an entry to environment.json, and say at the end how it ended.

    An entry that still says "running" when the next one begins was killed.

    Args:
        folder: the run folder, held by this process.
        command: of this process.
        first_step: steps that earlier processes have done.

    Yields:
        The entry; what is put into it is written at the end.

    """
    path = folder / "environment.json"
    entries = (run_log.read_json(path) or {}).get("continuations", [])
    for entry in entries:
        if entry["outcome"] == "running":
            entry["outcome"] = "killed"
    entry = {
        **environment(list(command)),
        "started": _now(),
        "stopped": None,
        "outcome": "running",
        "first_step": first_step,
    }
    entries.append(entry)
    run_log.write_json(path, {"continuations": entries})
    outcome = "failed"
    try:
        yield entry
        outcome = "finished"
    except Interrupted:
        outcome = "interrupted"
        raise
    finally:
        entry |= {"stopped": _now(), "outcome": outcome}
        run_log.write_json(path, {"continuations": entries})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
