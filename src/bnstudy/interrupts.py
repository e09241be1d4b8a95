"""SIGINT (Ctrl-C) and SIGTERM ask a run to save and stop; the second one stops it immediately."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EXIT_CODE = 130
STOP_AT_END_OF_INPUT = "BNSTUDY_STOP_AT_END_OF_INPUT"  # the variable of the environment
TIME_TO_SAVE = 30.0  # seconds
ONE_REQUEST = 0.2  # seconds; signals closer together are one request


class Interrupted(Exception):
    """The run was asked to stop, has saved its state, and can be continued."""


class StopRequest:
    """True once the process has been asked to stop.

    Args:
        forward_signal: called at every request, to tell other processes as well.

    """

    def __init__(self, forward_signal: Callable[[], None]):
        self._asked, self._time, self._forward_signal = False, 0.0, forward_signal

    def __bool__(self) -> bool:
        return self._asked

    def handle(self, *_: object) -> None:
        """Record the first request; raise KeyboardInterrupt at the second: the files are intact."""
        first, now = not self._asked, time.monotonic()
        self._asked = True  # a plain flag: a lock could be held by what the signal interrupts
        if first:
            self._time = now
        elif now - self._time < ONE_REQUEST:  # sent twice, to the process and to its group
            return
        self._forward_signal()
        if not first:
            raise KeyboardInterrupt("stopped immediately; the last checkpoint is intact")


@contextmanager
def graceful_stop(forward_signal: Callable[[], None] = lambda: None) -> Iterator[StopRequest]:
    """Turn both signals into a request, and restore the old handlers afterwards.

    Outside the main thread, where Python has no signals, nothing is ever requested. A handler that
    was not installed by Python (but by a program that embeds it) stays, as it could not be
    restored.

    Args:
        forward_signal: called at every request, to tell other processes as well.

    """
    request = StopRequest(forward_signal)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    ours = [number for number in signals if signal.getsignal(number) is not None]
    old = [signal.signal(number, request.handle) for number in ours]
    try:
        yield request
    finally:
        for number, handler in zip(ours, old, strict=True):
            signal.signal(number, handler)


def stop_with_starter() -> None:
    """Stop when the process that has started this one ends, even if that is killed.

    Where the variable STOP_AT_END_OF_INPUT is set, standard input is a pipe whose other end the
    starter holds open. Its end is a request to save and stop, and nothing may hold the run folder
    for long after it.
    """
    if not os.environ.pop(STOP_AT_END_OF_INPUT, None):
        return

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(TIME_TO_SAVE)
        os._exit(EXIT_CODE)

    threading.Thread(target=wait, daemon=True).start()
