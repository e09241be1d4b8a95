"""`bnstudy plot`: which files it writes, and what it refuses."""

from pathlib import Path

import pytest

from bnstudy.cli.main import main


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
    ],
)
def test_everything_else_is_one_figure(two_runs, capsys, arguments, written):
    assert main(["plot", *arguments]) == 0
    assert capsys.readouterr().out == f"{written}\n"
    assert Path(written).stat().st_size > 5000
    assert not Path("a/train.png").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "nowhere"),
        (["a", "--out", "a.jpeg"], "must end in one of .png, .pdf, .svg"),
        ([], "RUN_FOLDER"),
    ],
)
def test_wrong_input_is_one_line(two_runs, capsys, arguments, says):
    assert main(["plot", *arguments]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert says in error
