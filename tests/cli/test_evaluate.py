"""`bnstudy evaluate`: what it prints and draws, and refusals of one line."""

import json

import pytest
from trained_helpers import config_of, random_arrays, write_finished_run

from bnstudy.cli.main import main
from bnstudy.report.measures import plain_training_accuracy
from bnstudy.run_folder.log import load_log


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    config = config_of("a")
    path = tmp_path_factory.mktemp("evaluated") / "run"
    return write_finished_run(path, config, random_arrays(config))


def test_it_prints_the_figures_and_draws_into_the_run_folder(folder, capsys):
    assert main(["evaluate", str(folder)]) == 0
    first, second, *_, one, two = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{folder / 'weights.npz'}: float32, images standardized per channel")
    assert second.startswith("accuracy 0.")
    assert [one, two] == [str(folder / "evaluation.png"), str(folder / "mistakes.png")]
    assert (folder / "evaluation.png").exists()
    assert (folder / "mistakes.png").exists()


def test_the_pictures_can_go_elsewhere(folder, tmp_path, capsys):
    out = tmp_path / "new" / "pictures"
    assert main(["evaluate", str(folder), "--out", str(out), "--precision", "bfloat16"]) == 0
    assert {path.name for path in out.iterdir()} == {"evaluation.png", "mistakes.png"}
    assert "weights.npz: bfloat16, images" in capsys.readouterr().out


def test_json_is_all_that_is_printed_and_nothing_is_drawn(folder, tmp_path, capsys):
    assert main(["evaluate", str(folder), "--json", "--out", str(tmp_path / "none")]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 30
    assert not (tmp_path / "none").exists()


def test_the_training_images_leave_what_the_report_reads(folder, capsys):
    assert main(["evaluate", str(folder), "--images", "training"]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last == str(folder / "training_images.json")
    accuracy = plain_training_accuracy(load_log(folder))
    assert main(["evaluate", str(folder), "--images", "training", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["split"], found["accuracy"]) == ("training", accuracy)


def test_wrong_input_is_one_line(folder, tmp_path, capsys):
    unfinished = write_finished_run(tmp_path / "run", config_of("a"))
    (unfinished / "result.json").unlink()
    for arguments, says in (
        ([str(unfinished)], "has not finished"),
        ([str(tmp_path / "nowhere")], "no such folder"),
        ([str(folder), "--precision", "half"], "'half'"),
    ):
        assert main(["evaluate", *arguments]) == 2
        (error,) = capsys.readouterr().err.splitlines()
        assert says in error
