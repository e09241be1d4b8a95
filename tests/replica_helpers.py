"""Replicas of one batch in one process: threads that wait for each other at every reduction."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf


class Meeting:
    """Where the replicas meet: the sums of all are added, and each goes on with the totals."""

    def __init__(self, replicas: int):
        self._sums: list[Any] = [None] * replicas
        self._barrier = threading.Barrier(replicas, timeout=60)
        self.calls = [0] * replicas

    def reduce_of(self, number: int) -> Callable:
        """Return the reduction as one replica calls it."""

        def reduce(*sums):
            self._sums[number] = sums
            self.calls[number] += 1
            self._barrier.wait()  # all have brought theirs
            totals = tuple(tf.add_n(list(parts)) for parts in zip(*self._sums, strict=True))
            self._barrier.wait()  # all have read them
            return totals

        return reduce

    def abort(self) -> None:
        """Let nobody wait for a replica that failed."""
        self._barrier.abort()


def in_lockstep(function: Callable, parts: list[tuple]) -> tuple[list[Any], list[int]]:
    """Call function(*part, reduce) for every part at the same time.

    Returns:
        The results in the order of the parts, and how often each has reduced.

    """
    meeting = Meeting(len(parts))

    def replica(number):
        try:
            return function(*parts[number], meeting.reduce_of(number))
        except Exception:
            meeting.abort()
            raise

    with ThreadPoolExecutor(len(parts)) as pool:
        futures = [pool.submit(replica, number) for number in range(len(parts))]
        failures = [f.exception() for f in futures if f.exception()]
        own = [e for e in failures if not isinstance(e, threading.BrokenBarrierError)]
        if failures:
            raise (own or failures)[0]
        return [f.result() for f in futures], meeting.calls
