"""Paths as a user gives them, to functions, on the command line and in files; and our own."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bnstudy.errors import UserError, one_line

# In lower case: of Finder and archives, Explorer, KDE, Jupyter, trash cans, synchronized folders.
_CLUTTER = {
    *(".ds_store", ".localized", ".appledouble", ".fseventsd", ".spotlight-v100", ".trashes"),
    *(".temporaryitems", ".apdisk", "icon\r", "__macosx"),
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"),
    *(".directory", "lost+found", ".ipynb_checkpoints", ".dropbox", ".stfolder", ".gitkeep"),
}
_CLUTTER_STARTS = ("._", ".nfs", ".~lock.", "~$", ".trash-", ".syncthing.", ".fuse_hidden")


def user_path(path: object, name: str, right: str) -> Path:
    """Return a path in which a leading ~ is the home folder.

    Args:
        path: text, or any path object.
        name: what messages call it: an argument, a key or an option.
        right: what it must be, such as "the path of a run folder".

    Raises:
        UserError: it is not a path, or names the home folder of an unknown user.

    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if not isinstance(text, str):
        raise UserError(f"{name} is of type {type(path).__name__}, must be {right}")
    if not text or "\0" in text:
        raise UserError(f"{name} must be {right}, got {one_line(repr(text))}")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UserError(f"{name}: {one_line(text)}: there is no such user") from None


def as_list(values: object, name: str, right: str) -> list[Any]:
    """Return a list, whether the user gives one text or path, or several.

    Args:
        values: one, or an iterable of them.
        name: what messages call it.
        right: what it must hold.

    Raises:
        UserError: it is neither.

    """
    if isinstance(values, str | os.PathLike):
        return [values]
    if not isinstance(values, Iterable):
        raise UserError(f"{name} is of type {type(values).__name__}, must be a list of {right}")
    return list(values)


def shipped(name: str) -> Path:
    """Return a folder that stands at the top of the checkout, and in the package once installed."""
    here = Path(__file__).resolve().parent
    packaged = here / name
    return packaged if packaged.is_dir() else here.parents[1] / name


def is_clutter(name: str) -> bool:
    """Return whether a file of this name is one that other programs leave in any folder."""
    return name.lower() in _CLUTTER or name.lower().startswith(_CLUTTER_STARTS)
