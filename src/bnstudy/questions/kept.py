"""Slow evaluations of a finished run, made once and kept beside it."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from bnstudy.run_folder.files import read_json, write_json

_elsewhere: dict[Path, Path] = {}  # run folders that nothing may be written to -> where instead


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
        UserError: the file is damaged.

    """
    made_by = {"run": _digest(run_folder), "arguments": _as_json(dict(arguments or {}))}
    writable = _elsewhere.get(run_folder.resolve(), run_folder)
    for folder in dict.fromkeys((run_folder, writable)):
        content = read_json(folder / name)
        if content is not None and content.get("made_by") == made_by:
            found: dict[str, Any] = content["found"]
            return found
    found = _as_json(make())
    writable.mkdir(parents=True, exist_ok=True)
    write_json(writable / name, {"made_by": made_by, "found": found})
    return found


@contextmanager
def untouched(folders: Mapping[Path, Path]) -> Iterator[None]:
    """Keep evaluations elsewhere for a while; those beside the runs are read all the same.

    Args:
        folders: run folder that nothing is to be written to -> folder to write to instead.

    """
    before = dict(_elsewhere)
    _elsewhere.update({run.resolve(): instead for run, instead in folders.items()})
    try:
        yield
    finally:
        _elsewhere.clear()
        _elsewhere.update(before)


def _digest(run_folder: Path) -> str:
    """Return what changes whenever the run is made again."""
    result = read_json(run_folder / "result.json")
    return sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()


def _as_json(value: dict[str, Any]) -> dict[str, Any]:
    """Return a value as it will be read back, so that the first call returns the same as later."""
    back: dict[str, Any] = json.loads(json.dumps(value, allow_nan=False))
    return back
