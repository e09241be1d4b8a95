"""`bnstudy plot`: which files it writes, and what it refuses."""

from pathlib import Path

import pytest

from bnstudy.cli.main import main
from bnstudy.run_folder.log import load_log, write_metrics


@pytest.fixture
def two_runs(make_run, tmp_path, monkeypatch):
    """Two run folders in the current folder, by their names."""
    for case in "ac":
        make_run(case, epochs=2, case=case)
    monkeypatch.chdir(tmp_path)
    return ["a", "c"]


def test_one_run_gets_its_two_figures(two_runs, capsys):
    assert main(["plot", "c"]) == 0
    assert capsys.readouterr().out.splitlines() == ["c/train.png", "c/test.png"]
    assert Path("c/train.png").exists()
    assert Path("c/test.png").exists()


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["a", "c"], "comparison.png"),
        (["a", "--reference"], "comparison.png"),
        (["a", "--out", "a.svg"], "a.svg"),
        (["a", "c", "--reference", "--out", "both.pdf"], "both.pdf"),
        (["a", "--metric", "test_cost", "--metric", "images"], "comparison.png"),
        (["--smooth", "3", "a"], "comparison.png"),  # never in train.png, which the run wrote
        (["."], "comparison.png"),  # a folder of runs
    ],
)
def test_everything_else_is_one_figure(two_runs, capsys, arguments, written):
    assert main(["plot", *arguments]) == 0
    assert capsys.readouterr().out == f"{written}\n"  # alone, so that $(bnstudy plot ...) opens it
    assert Path(written).stat().st_size > 5000
    assert not Path("a/train.png").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "nowhere"),
        (["a", "--out", "a.jpeg"], "must end in one of .png, .pdf, .svg"),
        ([], "RUN_FOLDER"),
        (["a", "--metric", "accuracy"], "no metric 'accuracy'; there are learning_rate, images"),
        (["a", "--smooth", "0.6"], "must be an integer >= 1, got 0.6"),
        (["a", "--smooth", "4"], "smooth must be an odd number of epochs, such as 5, got 4"),
        (["nowhere/*"], "nowhere/*: no such folder"),
        (["a", "--out", "-"], "must end in one of .png, .pdf, .svg"),
    ],
)
def test_wrong_input_is_one_line(two_runs, capsys, arguments, says):
    assert main(["plot", *arguments]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert says in error
    assert not Path("comparison.png").exists()


def test_the_last_epoch_is_a_table_of_what_is_drawn_as_measured(two_runs, capsys):
    assert main(["plot", "a", "c", "--metric", "test_cost", "--smooth", "3"]) == 0
    header, *rows = capsys.readouterr().err.splitlines()
    assert header.split() == ["epoch", "test_cost"]
    for name, row in zip(two_runs, rows, strict=True):
        assert row.startswith(f"case {name}, 2 of 21 epochs")
        assert row.split()[-1] == f"{load_log(name).metrics['test_cost'][-1]:.4f}"


def test_a_sweep_under_way_is_drawn_without_the_runs_that_have_no_epoch(two_runs, capsys):
    write_metrics("a", [])
    with pytest.warns(UserWarning, match="no epoch has finished yet: a"):
        assert main(["plot", *two_runs, "--out", "sweep.png"]) == 0
    assert capsys.readouterr().out == "sweep.png\n"
