"""Lines for whoever watches; a run goes on when nobody does."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line at once; once the reader has gone, print nothing any more.

    Args:
        line: without its end.
        stream: standard output unless given.

    """
    stream = stream or sys.stdout
    try:
        print(line, file=stream, flush=True)
    except OSError:  # a closed pipe, a full disk: else every later line, and the exit, would fail
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
