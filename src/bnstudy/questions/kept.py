"""Slow evaluations of a finished run, made once and kept beside it."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from bnstudy.errors import UserError
from bnstudy.output import echo
from bnstudy.run_folder.files import read_json, write_json
from bnstudy.run_folder.log import result_digest

_elsewhere: dict[Path, Path] = {}  # run folders that nothing may be written to -> where instead
_used: dict[Path, Path] = {}  # files there that were asked for -> where they belong


def kept(
    run_folder: Path,
    name: str,
    make: Callable[[], dict[str, Any]],
    arguments: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return an evaluation of a run; make it only if it is not there.

        kept(run, "corruptions.json", lambda: evaluate(run, severities), {"severities": severities})

    What was made of another result of the run (it was extended, or started over) or by other
    arguments is made again. Whatever `make` calls for can be missing once it has been kept: images,
    weights, TensorFlow.

    Args:
        run_folder: of a finished run.
        name: of the JSON file.
        make: makes it, as values that JSON has; NaN is not among them.
        arguments: everything but the run that the evaluation depends on.

    Raises:
        UserError: the file is damaged, or was changed after it had been made.

    """
    made_by = {"run": result_digest(run_folder), "arguments": _as_json(dict(arguments or {}))}
    elsewhere = _elsewhere.get(run_folder.resolve())
    found = _read(run_folder / name, made_by)
    if found is not None:
        return found
    path = (elsewhere or run_folder) / name
    if elsewhere:
        found = _read(path, made_by)
    if found is None:
        echo(f"{run_folder.name}: evaluating, for {name}", sys.stderr)
        found = _as_json(make())
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"made_by": made_by, "digest": _digest(found), "found": found})
    if elsewhere:
        _used[path] = run_folder / name
    return found


def _read(path: Path, made_by: dict[str, Any]) -> dict[str, Any] | None:
    """Return what is in a file, if it was made by the same."""
    content = read_json(path) or {}
    if content.get("made_by") != made_by:
        return None
    found: dict[str, Any] = content.get("found", {})
    if content.get("digest") != _digest(found):
        raise UserError(
            f"{path} was changed after it had been made; restore it, or delete it, and it is made "
            "again where the network of the run is at hand"
        )
    return found


def is_kept(run_folder: Path, name: str, place: Path | None = None) -> bool:
    """Return whether an evaluation of this result of a run is there, by whatever arguments.

    Args:
        run_folder: of the run.
        name: of the JSON file.
        place: the folder to look into, if it is not that of the run.

    """
    made_by = (read_json((place or run_folder) / name) or {}).get("made_by")
    return isinstance(made_by, dict) and made_by.get("run") == result_digest(run_folder)


@contextmanager
def untouched(folders: Mapping[Path, Path]) -> Iterator[dict[Path, Path]]:
    """Keep evaluations elsewhere for a while; those beside the runs are read all the same.

    Args:
        folders: run folder that nothing is to be written to -> folder to write to instead.

    Yields:
        The files there that were asked for meanwhile -> their places beside the runs.

    """
    _elsewhere.update({run.resolve(): instead for run, instead in folders.items()})
    _used.clear()
    try:
        yield _used
    finally:
        _elsewhere.clear()


def _digest(found: Any) -> str:
    return sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def _as_json(value: dict[str, Any]) -> dict[str, Any]:
    """Return a value as it will be read back, so that the first call returns the same as later."""
    back: dict[str, Any] = json.loads(json.dumps(value, allow_nan=False))
    return back
