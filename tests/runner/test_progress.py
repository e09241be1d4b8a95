"""Progress output: a bar on a terminal, plain lines elsewhere, nothing without a console."""

import io

import pytest

from bnstudy.run_folder.log import EpochMetrics
from bnstudy.runner import progress
from bnstudy.runner.progress import ProgressBar

ROW = EpochMetrics(2, 3e-4, 2000, 1.5, 0.25, 1.25, 0.5, 10.0, 2.0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_finished_epoch_is_one_line():
    stream = io.StringIO()
    ProgressBar(3, 1000, stream).end_epoch(ROW)
    assert stream.getvalue() == (
        "epoch 2/3: train cost 1.5000, accuracy 0.2500; test cost 1.2500, accuracy 0.5000; "
        "10 s + 2 s, 100 images/s\n"
    )


def test_without_a_terminal_there_is_a_line_a_minute(clock):
    stream = io.StringIO()
    bar = ProgressBar(3, 1000, stream)
    bar.start_epoch(2, 200)  # a run that continues: 200 images were shown before
    clock[0] += 59
    bar.update(400, 2.0, 0.125)
    assert stream.getvalue() == ""
    clock[0] += 21
    bar.update(600, 2.0, 0.125)  # 400 images in 80 s: 5 images/s, and 1400 are left
    assert stream.getvalue() == (
        "epoch 2/3: 600 of 1,000 images, 5 images/s, cost 2.0000, accuracy 0.1250, "
        "the run ends in 5 min\n"
    )
    clock[0] += 30
    bar.update(700, 2.0, 0.125)
    assert stream.getvalue().count("\n") == 1


def test_on_a_terminal_there_is_a_bar_that_the_line_replaces():
    stream = Terminal()
    bar = ProgressBar(3, 1000, stream)
    bar.start_epoch(2, 200)
    bar.update(600, 2.0, 0.125)
    bar.end_epoch(ROW)
    assert "epoch 2/3:  20%" in stream.getvalue()
    assert stream.getvalue().endswith("images/s\n")


def test_a_program_without_a_console_runs_and_prints_nothing_elsewhere(monkeypatch, capsys):
    monkeypatch.setattr(progress.sys, "stderr", None)
    bar = ProgressBar(3, 1000)
    bar.start_epoch(1, 0)
    bar.update(100, 2.0, 0.1)
    bar.end_epoch(ROW)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("epochs", "seen", "ends_in"), [(1, 800, "20 s"), (3, 200, "19 min"), (100, 200, "11.1 h")]
)
def test_the_time_left_is_in_fitting_units(clock, epochs, seen, ends_in):
    stream = io.StringIO()
    bar = ProgressBar(epochs, 1000, stream)
    bar.start_epoch(1, 0)
    clock[0] += 80
    bar.update(seen, 2.0, 0.1)
    assert stream.getvalue().endswith(f"the run ends in {ends_in}\n")
