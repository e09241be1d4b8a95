"""`bnstudy probe`: what it prints and draws, and refusals of one line."""

import json

import pytest
from trained_helpers import config_of, random_arrays, write_finished_run

from bnstudy.cli.main import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    config = config_of("a", data__train_limit=40)
    path = tmp_path_factory.mktemp("probed") / "run"
    return write_finished_run(path, config, random_arrays(config))


def test_it_prints_the_table_and_draws_into_the_run_folder(folder, capsys):
    assert main(["probe", str(folder), "--images", "40"]) == 0
    first, *rows, last = capsys.readouterr().out.splitlines()
    assert first.startswith("epoch 2, 32 training images")
    assert rows[-2].startswith("2 ")
    assert last == str(folder / "probe.png")
    assert (folder / "probe.png").exists()


def test_json_is_all_that_is_printed_and_nothing_is_drawn(folder, tmp_path, capsys):
    out = tmp_path / "picture.svg"
    assert main(["probe", str(folder), "--images", "32", "--json", "--out", str(out)]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 32
    assert not out.exists()


def test_wrong_input_is_one_line(folder, tmp_path, capsys):
    for arguments, says in (
        ([str(tmp_path / "nowhere")], "no such folder"),
        ([str(folder), "--images", "1"], "must be at least 2"),
        ([str(folder), "--images", "all"], "'all'"),
        ([str(folder), "--out", "picture.gif"], "must end in one of .png, .pdf, .svg"),
    ):
        assert main(["probe", *arguments]) == 2
        (error,) = capsys.readouterr().err.splitlines()
        assert says in error
