"""`bnstudy question`: its options, and its errors in one line."""

import os
from pathlib import Path

import pytest

from bnstudy.cli.main import main
from bnstudy.questions import answer as module
from bnstudy.questions.answer import Options


@pytest.fixture
def asked(monkeypatch):
    calls = []
    monkeypatch.setattr(module, "answer", lambda *call: calls.append(call) or 0)
    monkeypatch.setenv("BNSTUDY_DATA", "before")
    return calls


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], Options()),
        (["--fresh", "--jobs", "2"], Options(fresh=True, jobs=2)),
        (["--scheduler", "local:4"], Options(scheduler="local:4")),
        (["--published", "there"], Options(published=Path("there"))),
        (["--no-training", "--write"], Options(train=False, write=True)),
    ],
)
def test_options_are_passed_on(asked, arguments, options):
    assert main(["question", "5", *arguments]) == 0
    ((question, how),) = asked
    assert (question.number, how) == (5, options)
    assert os.environ["BNSTUDY_DATA"] == "before"


def test_runs_and_evaluations_look_for_the_data_in_the_same_place(asked):
    assert main(["question", "5", "--data", "there"]) == 0
    assert os.environ["BNSTUDY_DATA"] == "there"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["7"], "there is no question 7; the questions are "),
        (["0"], "must be an integer >= 1, got 0"),
        (["5", "--published", "no-such-folder"], "no-such-folder: no such folder"),
    ],
)
def test_errors_are_one_line(arguments, says, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["question", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
