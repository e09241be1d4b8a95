"""Stopping: the first request is noted, the second raises, and the old handlers come back."""

import os
import signal
import threading
import time

import pytest

from bnstudy.interrupts import ONE_REQUEST, graceful_stop

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def send(number):
    os.kill(os.getpid(), number)


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_a_request_and_the_second_interrupts(clock, number):
    forwarded = []
    with graceful_stop(lambda: forwarded.append(True)) as stop:
        assert not stop
        send(number)
        assert stop
        assert len(forwarded) == 1
        clock[0] += 2 * ONE_REQUEST
        with pytest.raises(KeyboardInterrupt, match="stopped immediately; the last checkpoint"):
            send(number)
        assert len(forwarded) == 2


def test_a_signal_to_the_process_and_to_its_group_is_one_request(clock):
    forwarded = []
    with graceful_stop(lambda: forwarded.append(True)) as stop:
        send(signal.SIGINT)
        clock[0] += ONE_REQUEST / 2
        interrupted = False
        try:
            send(signal.SIGTERM)
        except KeyboardInterrupt:  # it would end all tests
            interrupted = True
        assert not interrupted
        assert stop
        assert len(forwarded) == 1


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_the_old_handlers_come_back_however_it_ends(error):
    before = [signal.getsignal(number) for number in SIGNALS]

    def stop_in_between():
        with graceful_stop():
            assert [signal.getsignal(number) for number in SIGNALS] != before
            if error:
                raise error

    if error is None:
        stop_in_between()
    else:
        with pytest.raises(error):
            stop_in_between()
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_handler_that_python_did_not_install_stays(monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(signal, "getsignal", lambda number: None)  # R's, for example
    with graceful_stop() as stop:
        monkeypatch.undo()
        assert signal.getsignal(signal.SIGTERM) is before
        assert not stop


def test_outside_of_the_main_thread_nothing_is_ever_requested():
    before, seen = signal.getsignal(signal.SIGINT), []

    def other():
        with graceful_stop() as stop:
            seen.append((bool(stop), signal.getsignal(signal.SIGINT) is before))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [(False, True)]
