"""Print lines; a closed pipe does not stop a run."""

import os
import sys
from typing import TextIO


def echo(line: str, stream: TextIO | None = None) -> None:
    """Print a line and flush it; once the reader is gone, print nothing.

    Args:
        line: without its end.
        stream: standard output unless given.

    """
    stream = stream or sys.stdout
    try:
        print(line, file=stream, flush=True)
    except OSError:  # a closed pipe, a full disk: else every later line, and the exit, would fail
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
