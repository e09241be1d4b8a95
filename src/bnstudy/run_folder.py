"""Whose run folder is it: new, ours to continue, finished, or another configuration's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bnstudy import run_log
from bnstudy.config import Config, differences, load_config
from bnstudy.errors import UserError


def open_folder(folder: Path, config: Config, *, fresh: bool) -> dict[str, Any] | None:
    """Make the folder, or see to it that it belongs to this configuration.

    Args:
        folder: the run folder.
        config: of the run.
        fresh: put what is there aside, under a new name.

    Returns:
        The result, where the run has finished; else None.

    Raises:
        UserError: the folder was made by another configuration, or is no run folder.

    """
    if fresh and folder.exists():
        put_aside(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "config.yaml").exists():
            _check_same(folder, config)
        elif any(folder.iterdir()):
            raise UserError(f"{folder} holds other files and no run; name a new folder with --out")
        else:
            run_log.write_text_atomic(folder / "config.yaml", config.to_yaml())
            run_log.write_metrics(folder, [])
    except OSError as error:
        raise UserError(f"{folder}: cannot write there: {error.strerror}") from None
    return run_log.load_log(folder).result


def put_aside(folder: Path) -> Path:
    """Rename a folder to the first free one of NAME.old-1, NAME.old-2, ..."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}.old-{number}")).exists():
        number += 1
    return folder.rename(aside)


def _check_same(folder: Path, config: Config) -> None:
    different = differences(load_config(file=folder / "config.yaml"), config)
    if different:
        raise UserError(
            f"{folder} was made by another configuration ({'; '.join(different)}); "
            "name a new folder with --out, or start over with --fresh"
        )
