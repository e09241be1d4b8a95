"""`bnstudy report`: what it prints, draws and refuses."""

import json
from pathlib import Path

import pytest

from bnstudy.cli.main import main

LITE = str(Path(__file__).parents[2] / "logs/published/lite")


def test_it_prints_markdown_csv_or_json(capsys):
    assert main(["report", LITE]) == 0
    assert capsys.readouterr().out.startswith("| runs | n | training accuracy |")
    assert main(["report", LITE, "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("runs,")
    assert main(["report", LITE, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["unfinished"] == []
    assert main(["report", LITE, "--show", "provenance"]) == 0
    assert capsys.readouterr().out.startswith("| runs | test accuracy, 95 % interval |")


def test_a_table_in_csv_does_not_hide_unfinished_runs(capsys, make_run):
    run = make_run("run", epochs=2, case="b", presets=["lite"], overrides={"training.epochs": 9})
    assert main(["report", LITE, "--format", "csv"]) == 0
    alone = capsys.readouterr()
    assert main(["report", LITE, str(run), "--format", "csv"]) == 0
    written = capsys.readouterr()
    assert written.out == alone.out
    assert alone.err == ""
    assert written.err == "Not finished, and counted nowhere: run (2 of 9 epochs).\n"


def test_figures_are_named_on_standard_error(capsys, tmp_path):
    assert main(["report", LITE, "--figures", str(tmp_path / "figures")]) == 0
    drawn = [tmp_path / "figures" / name for name in ("curves.png", "two_by_two.png")]
    assert capsys.readouterr().err == "".join(f"drawn: {path}\n" for path in drawn)


def test_pages_are_renewed(capsys, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"<!-- report results: {LITE} -->\n<!-- end of report -->\n")
    assert main(["report", "--write", str(page)]) == 0
    assert capsys.readouterr().out == f"{page}: renewed\n"
    assert "| case c" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "report: give at least one RUN_FOLDER, or --write PAGE"),
        (["nowhere"], "nowhere: no such folder"),
        ([LITE, "--write", "README.md"], "--write takes pages alone"),
        (["--show", "results", "--write", "README.md"], "--write takes pages alone"),
        ([LITE, "--format", "xml"], "--format"),
        ([LITE, "--show", "table"], "--show"),
    ],
)
def test_wrong_input_is_one_line(capsys, arguments, says):
    assert main(["report", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
