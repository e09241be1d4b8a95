"""Print lines; a closed pipe does not stop a run."""

import os
import sys
from typing import Any, TextIO

_STANDARD_OUTPUT: Any = object()  # as it is when a line is printed; None is a missing console


def echo(line: str, stream: TextIO | None = _STANDARD_OUTPUT) -> None:
    """Print a line and flush it; once the reader is gone, print nothing.

    Args:
        line: without its line break.
        stream: standard output unless given; None is the console of a program that has none.

    """
    stream = sys.stdout if stream is _STANDARD_OUTPUT else stream
    if stream is None or stream.closed:  # a program without a console has none
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except OSError:  # a closed pipe, a full disk: else every later line, and the exit, would fail
        _silence(stream)


def _silence(stream: TextIO) -> None:
    try:
        descriptor = stream.fileno()
    except OSError:  # it is not a file, in a notebook for example
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
