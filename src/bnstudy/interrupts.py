"""SIGINT (Ctrl-C) and SIGTERM ask a run to save and stop; a second one stops it at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EXIT_CODE = 130
ONE_REQUEST = 0.2  # seconds; signals closer together are one request


class Interrupted(Exception):
    """The run was asked to stop, has saved its state, and can be continued."""


class StopRequest:
    """Whether somebody has asked the process to stop.

    Args:
        hand_on: called at every request, for processes that must hear of it too.

    """

    def __init__(self, hand_on: Callable[[], None]):
        self._asked, self._time, self._hand_on = False, 0.0, hand_on

    def __bool__(self) -> bool:
        return self._asked

    def handle(self, signum: int, frame: object) -> None:  # noqa: ARG002
        """Note the first request; leave at once on the second, since every file is whole."""
        first, now = not self._asked, time.monotonic()
        self._asked = True  # a plain flag: a lock could be held by what the signal interrupts
        if first:
            self._time = now
        elif now - self._time < ONE_REQUEST:  # sent twice, to the process and to its group
            return
        self._hand_on()
        if not first:
            os.write(2, b"bnstudy: left at once; what was saved before is whole\n")
            os._exit(EXIT_CODE)


@contextmanager
def listening(hand_on: Callable[[], None] = lambda: None) -> Iterator[StopRequest]:
    """Turn both signals into a request, and put the old handlers back afterwards.

    Outside of the main thread, where Python has no signals, nothing is ever requested.

    Args:
        hand_on: called at every request, for processes that must hear of it too.

    """
    request = StopRequest(hand_on)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    old = [signal.signal(number, request.handle) for number in signals]
    try:
        yield request
    finally:
        for number, handler in zip(signals, old, strict=True):
            signal.signal(number, handler)
