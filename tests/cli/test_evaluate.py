"""`bnstudy evaluate`: what it prints and draws, and refusals of one line."""

import json

import pytest
from trained_helpers import config_of, random_arrays, write_finished_run

from bnstudy.cli.main import main
from bnstudy.run_folder.log import load_log
from bnstudy.run_folder.training_images import read_accuracy


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


@pytest.mark.thorough
def test_the_pictures_can_go_elsewhere(folder, tmp_path, capsys):
    out = tmp_path / "new" / "pictures"
    assert main(["evaluate", str(folder), "--out", str(out), "--precision", "bfloat16"]) == 0
    assert {path.name for path in out.iterdir()} == {"evaluation.png", "mistakes.png"}
    assert "weights.npz: bfloat16, images" in capsys.readouterr().out


def test_json_is_all_that_is_printed_and_nothing_is_drawn(folder, capsys):
    before = {path: path.read_bytes() for path in sorted(folder.iterdir())}
    assert main(["evaluate", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 30
    assert {path: path.read_bytes() for path in sorted(folder.iterdir())} == before


def test_the_training_images_leave_what_the_report_reads(folder, capsys):
    assert main(["evaluate", str(folder), "--images", "training"]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last == str(folder / "training_images.json")
    accuracy = read_accuracy(load_log(folder))
    (folder / "training_images.json").unlink()
    assert main(["evaluate", str(folder), "--images", "training", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["split"], found["accuracy"]) == ("training", accuracy)
    assert read_accuracy(load_log(folder)) == accuracy


@pytest.mark.thorough
def test_other_statistics_and_corrupted_images_are_named_and_leave_nothing(
    folder, tmp_path, capsys
):
    before = {path: path.read_bytes() for path in sorted(folder.iterdir())}
    arguments = ["--statistics", "source", "--batch-size", "7", "--corrupt", "gaussian_noise:2"]
    assert main(["evaluate", str(folder), *arguments]) == 0
    _, second, *_, last = capsys.readouterr().out.splitlines()
    assert second.endswith(
        "nats: with source statistics of 7 images and gaussian noise of severity 2; "
        "result.json has 0.1250 and 2.5000"
    )
    assert last.startswith("9")  # the last class of the confusion matrix
    assert main(["evaluate", str(folder), *arguments, "--images", "training"]) == 0
    assert "on the plain training images, with source statistics of 7" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in sorted(folder.iterdir())} == before
    assert main(["evaluate", str(folder), *arguments[4:], "--out", str(tmp_path / "drawn")]) == 0
    assert (tmp_path / "drawn/mistakes.png").exists()


def test_each_choice_changes_the_answers(folder, capsys):
    accuracies = []
    for arguments in ([], ["--statistics", "source"], ["--corrupt", "contrast:5"]):
        assert main(["evaluate", str(folder), "--json", *arguments]) == 0
        accuracies.append(json.loads(capsys.readouterr().out)["cost"])
    assert len(set(accuracies)) == 3


def test_wrong_input_is_one_line(folder, tmp_path, capsys):
    unfinished = write_finished_run(tmp_path / "run", config_of("a"))
    (unfinished / "result.json").unlink()
    for arguments, says in (
        ([str(unfinished)], "has not finished"),
        ([str(tmp_path / "nowhere")], "no such folder"),
        ([str(folder), "--precision", "half"], "'half'"),
        ([str(folder), "--statistics", "exact"], "'exact'"),
        ([str(folder), "--statistics", "batch"], "has no batch norm (model.batch_norm: none)"),
        ([str(folder), "--batch-size", "9"], "is for --statistics batch or source, not moving"),
        ([str(folder), "--statistics", "source", "--batch-size", "0"], ">= 1, got 0"),
        ([str(folder), "--corrupt", "snow:5"], "must be one of gaussian_noise, shot_noise"),
        ([str(folder), "--corrupt", "fog"], "from 1 to 5, got ''; such as fog:5"),
        ([str(folder), "--images", "training", "--out", "here"], "training draws none; drop it"),
        ([str(folder), "--json", "--out", "here"], "--json draws none; drop one of them"),
        ([str(folder), "--corrupt", "fog:6"], "from 1 to 5, got 6; such as fog:5"),
    ):
        assert main(["evaluate", *arguments]) == 2
        (error,) = capsys.readouterr().err.splitlines()
        assert says in error
