"""`bnstudy run`: which configuration it takes, which folder, and what it prints."""

import sys
from pathlib import Path

import pytest
import trained_helpers
from tensorboard_helpers import read
from trained_helpers import write_finished_run

import bnstudy
from bnstudy.cli import run
from bnstudy.cli.main import main, make_parser
from bnstudy.errors import UserError
from bnstudy.run_folder import events


def config_of(*arguments):
    return run.config_of(make_parser().parse_args(["run", *arguments]))


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """Note the arguments of `bnstudy.run` instead of training, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    made = []

    def noted(config, folder, fresh, watch):
        made.append((config.case, folder, fresh, type(watch).__name__))
        return {"test_accuracy": 0.5, "epochs": 3}

    monkeypatch.setattr(bnstudy, "run", noted, raising=False)
    return made


def test_case_preset_file_set_and_seed_reach_the_configuration_in_this_order(write_config):
    file = write_config("seed: 2\ntraining: {epochs: 7}\nbn: {momentum: 0.5}\n")
    config = config_of(
        *("--case", "c", "--preset", "quick", "--config", str(file)),
        *("--set", "training.epochs=8", "--seed", "4"),
    )
    assert (config.case, config.data.name, config.bn.momentum) == ("c", "digits", 0.5)
    assert (config.training.epochs, config.seed) == (8, 4)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--seed", "-1"], "got -1 (from --seed)"),
        (["--set", "seed=-1"], "got -1 (from --set)"),
        (["--data", ""], "got '' (from --data)"),
        (["--seed", "4", "--set", "seed=3"], "--seed 4 contradicts --set seed=3"),
    ],
)
def test_the_option_that_is_wrong_is_named(arguments, says):
    with pytest.raises(UserError) as caught:
        config_of("--case", "a", *arguments)
    assert says in str(caught.value)


def test_seed_0_is_a_seed(write_config):
    file = write_config("seed: 2\n")
    assert config_of("--case", "a", "--config", str(file), "--seed", "0").seed == 0


def test_a_run_needs_a_case_from_the_command_or_the_file(write_config):
    with pytest.raises(UserError, match=r"^which case\? use --case a, b or c"):
        config_of("--preset", "quick")
    assert config_of("--config", str(write_config("extends: cases/b\n"))).case == "b"


@pytest.mark.parametrize(
    ("arguments", "folder", "fresh"),
    [
        (["--case", "c"], "logs/case-c_seed-0", False),
        (["--case", "c", "--preset", "lite", "--seed", "5"], "logs/case-c_lite_seed-5", False),
        (["--case", "c", "--out", "mine", "--fresh"], "mine", True),
    ],
)
def test_the_folder_is_named_after_the_run_unless_given(runs, capsys, arguments, folder, fresh):
    assert main(["run", *arguments]) == 0
    assert runs == [("c", Path(folder), fresh, "NoneType")]
    assert capsys.readouterr().out == (
        f"{folder}: test accuracy 0.5000 in epoch 3; see {folder}/test.png\n"
    )


def test_only_with_tensorboard_does_something_watch_the_run(runs):
    pytest.importorskip("tensorboard", reason="the extra is not installed")
    assert main(["run", "--case", "c", "--tensorboard"]) == 0
    assert [made[-1] for made in runs] == ["TensorBoard"]


def test_without_tensorboard_installed_nothing_is_trained(runs, capsys, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert main(["run", "--case", "c", "--tensorboard"]) == 2
    assert capsys.readouterr().err.endswith("install it with: pip install 'bnstudy[tensorboard]'\n")
    assert runs == []


def test_a_finished_run_gets_the_columns_of_its_log(tmp_path, capsys):
    pytest.importorskip("tensorboard", reason="the extra is not installed")
    folder = write_finished_run(tmp_path / "run", trained_helpers.config_of("c"))
    again = ["run", "--config", str(folder / "config.yaml"), "--out", str(folder)]
    assert main(again) == 0
    assert not (folder / events.FOLDER).exists()
    assert main([*again, "--tensorboard"]) == 0
    assert "already finished" in capsys.readouterr().out
    accuracies = read(folder / events.FOLDER)["metrics/test_accuracy"]
    assert [(step, float(value)) for step, value in accuracies] == [(1, 0.125), (2, 0.125)]
