"""A run whose cost is no longer finite: an error, or a result that names the step."""

import math

import pytest
from helpers import config

import bnstudy
from bnstudy.cli.main import main
from bnstudy.run_folder import weights

BREAKS = {
    "model__width": 0.05,
    "data__name": "digits",
    "data__augment": False,
    "data__train_limit": 60,
    "data__test_limit": 20,
    "training__batch_size": 10,
    "training__epochs": 4,
    "training__gradients": "autodiff",
    "optimizer__name": "sgd",
    "optimizer__learning_rate": 1.0,
    "optimizer__decay": 0,
    "optimizer__double_every": 1,
}


def run_of(folder, on_divergence="record", rate=1.0, **changes):
    changes = {**BREAKS, "optimizer__learning_rate": rate, **changes}
    configured = config("a", training__on_divergence=on_divergence, **changes)
    return bnstudy.run(configured, folder)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run that diverged after its first epoch, and its result."""
    folder = tmp_path_factory.mktemp("diverged") / "run"
    return folder, run_of(folder, rate=0.6)


def test_to_stop_is_the_default_and_an_error(tmp_path):
    assert bnstudy.load_config().training.on_divergence == "stop"
    with pytest.raises(bnstudy.UserError, match=r"the cost became (nan|inf) by step \d+"):
        run_of(tmp_path / "run", "stop", rate=1e4)
    assert bnstudy.load_log(tmp_path / "run").result is None


def test_a_recorded_divergence_is_the_end_of_the_run(recorded):
    folder, result = recorded
    log = bnstudy.load_log(folder)
    assert log.result == result
    epochs, step = result["epochs"], result["diverged_at_step"]
    assert (epochs, 6 < step <= 12) == (2, True)
    assert len(log.metrics["epoch"]) == epochs
    assert result["train_cost"] is None or result["test_cost"] is None
    assert all(math.isfinite(cost) for cost in log.metrics["train_cost"][:-1])
    assert (folder / "test.png").exists()


def test_it_is_not_run_again_not_even_for_more_epochs(recorded):
    folder, result = recorded
    before = (folder / "metrics.csv").stat().st_mtime_ns
    assert run_of(folder, rate=0.6) == result
    assert run_of(folder, rate=0.6, training__epochs=9) == result
    assert (folder / "metrics.csv").stat().st_mtime_ns == before


def test_the_step_does_not_depend_on_when_the_run_saves(recorded, tmp_path):
    _, result = recorded
    again = run_of(tmp_path / "run", rate=0.6, checkpoint__every_steps=1)
    for name in ("diverged_at_step", "epochs", "train_accuracy", "test_accuracy"):
        assert again[name] == result[name], name


def test_a_run_that_diverged_has_no_trained_network(recorded):
    folder, _ = recorded
    assert not (folder / weights.FILE).exists()
    with pytest.raises(bnstudy.UserError, match="diverged, so that it has no trained network"):
        bnstudy.load_model(folder)


@pytest.mark.thorough
def test_a_run_that_does_not_diverge_is_as_ever(tmp_path):
    results = [
        run_of(tmp_path / how, how, rate=0.01, training__epochs=2) for how in ("record", "stop")
    ]
    for name in ("train_cost", "test_cost", "test_accuracy"):
        assert results[0][name] == results[1][name]
    assert "diverged_at_step" not in results[0]


def test_the_command_says_at_which_step_it_diverged(recorded, capsys):
    folder, result = recorded
    keys = {key.replace("__", "."): value for key, value in BREAKS.items()}
    keys |= {"optimizer.learning_rate": 0.6, "training.on_divergence": "record"}
    settings = [text for key, value in keys.items() for text in ("--set", f"{key}={value}")]
    assert main(["run", "--case", "a", "--preset", "quick", *settings, "--out", str(folder)]) == 0
    said = capsys.readouterr().out
    assert f"already finished, diverged at step {result['diverged_at_step']}, in epoch" in said
