"""A run from start to end: its folder, its figures, and what happens when it is asked for again."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf
from helpers import config

import bnstudy
from bnstudy.run_folder import checkpoint
from bnstudy.runner import run as runner
from bnstudy.runner import training as training_module
from bnstudy.data.dataset import load_dataset
from bnstudy.data.standardize import standardizers
from bnstudy.manual import softmax_cross_entropy
from bnstudy.model.all_cnn import Model
from bnstudy.runner.progress import ProgressBar
from bnstudy.runner.training import Training

SMALL = {
    "data__train_limit": 53,
    "data__test_limit": 47,
    "training__batch_size": 20,
    "training__epochs": 2,
    "optimizer__learning_rate": 3e-4,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "case-c"
    return folder, bnstudy.run(config(**SMALL), folder)


def test_the_folder_holds_what_is_promised(finished):
    folder, _ = finished
    names = {path.name for path in folder.iterdir()}
    assert names >= {"config.yaml", "environment.json", "metrics.csv", "result.json"}
    assert names >= {"train.png", "test.png", "checkpoints"}
    assert bnstudy.load_config(file=folder / "config.yaml") == config(**SMALL)
    (entry,) = json.loads((folder / "environment.json").read_text())["continuations"]
    assert entry["versions"]["tensorflow"] == tf.__version__
    assert (entry["outcome"], entry["first_step"]) == ("finished", 0)
    assert 100 < entry["peak_memory_mb"] < 100_000
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [row["images"] for row in rows] == ["106", "212"]  # 53 images and their copies
    assert float(rows[1]["learning_rate"]) == 3e-4 / 1.001


def test_the_result_is_the_last_epoch(finished):
    folder, result = finished
    metrics = bnstudy.load_log(folder).metrics
    for name in ("train_cost", "train_accuracy", "test_cost", "test_accuracy"):
        assert result[name] == metrics[name][-1]
    assert result["epochs"] == 2
    assert json.loads((folder / "result.json").read_text()) == result


def test_test_figures_follow_from_the_saved_weights(finished):
    """Computed again, with NumPy alone, from what the checkpoint holds."""
    folder, result = finished
    arrays, _ = checkpoint.load_newest(folder / "checkpoints")
    model = Model(config(**SMALL))
    for name, variable in {**model.parameters, **model.statistics}.items():
        variable.assign(arrays[name])
    dataset = load_dataset(config(**SMALL).data)
    images = standardizers(dataset, "train_channels").test(np.float32(dataset.test_images))
    logits = model.forward(images, training=False)[0].numpy().astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    cost = -log_p[range(47), dataset.test_labels].mean()
    assert result["test_cost"] == pytest.approx(cost, rel=1e-5)
    assert result["test_accuracy"] == np.mean(logits.argmax(1) == dataset.test_labels)


def test_training_figures_are_means_over_images_not_over_batches():
    """With 20 + 20 + 20 + 20 + 20 + 6 images, the mean of the batches' costs is another number."""
    training = Training(config(**SMALL), load_dataset(config(**SMALL).data))
    seen = []
    step = training.train_step

    def spy(images, labels, rate, sums):
        logits, _ = training.model.forward(images, training=True)
        cost, _ = softmax_cross_entropy.forward(logits, labels)
        correct = np.sum(np.argmax(logits, 1) == labels)
        seen.append((float(cost), correct, len(labels)))
        return step(images, labels, rate, sums)

    training.train_step = spy
    training.train_epoch(ProgressBar(2, 106), after_step=lambda: None)
    row = training.finish_epoch(after_batch=lambda: None)
    costs, correct, counts = np.array(seen).T
    assert list(counts) == [20] * 5 + [6]
    assert row["train_cost"] == pytest.approx(np.average(costs, weights=counts), rel=1e-6)
    assert row["train_cost"] != pytest.approx(costs.mean(), rel=1e-4)
    assert row["train_accuracy"] == correct.sum() / 106


@pytest.mark.parametrize("case", ["a", "c"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_run_trains_as_its_configuration_says(monkeypatch, case, precision):
    told = []
    make = training_module.make_train_step
    monkeypatch.setattr(
        training_module, "make_train_step", lambda *args: told.append(args) or make(*args)
    )
    posted = {"data__standardize": "batch_pixels", "training__precision": precision}
    configured = config(case, **{**SMALL, **posted})
    dataset = load_dataset(configured.data)
    training = Training(configured, dataset)
    ((model, optimizer, gradients),) = told
    assert gradients == {"a": "autodiff", "c": "manual"}[case]
    assert model.compute_dtype == getattr(tf, precision)
    kept = {v.dtype for v in training.variables.values() if v.dtype.is_floating}
    assert kept == {tf.float32}  # weights, moving statistics and moments, whatever the precision
    assert ("conv1/w/v_max" in optimizer.state) == (case == "c")
    rates, step = [], training.train_step
    training.train_step = lambda x, y, rate, sums: rates.append(rate) or step(x, y, rate, sums)
    training.train_epoch(ProgressBar(2, 106), after_step=lambda: None)
    row = training.finish_epoch(after_batch=lambda: None)
    training.train_epoch(ProgressBar(2, 106), after_step=lambda: None)
    assert rates == [3e-4] * 6 + [3e-4 / 1.001] * 6
    assert row["learning_rate"] == 3e-4


def test_test_images_are_standardized_by_the_test_set_under_batch_pixels(tmp_path, monkeypatch):
    """Not batch by batch: the figures must not depend on how the test set is cut."""
    configured = config("a", **{**SMALL, "data__standardize": "batch_pixels"})
    training = Training(configured, load_dataset(configured.data))
    images, labels = training.dataset.test_images, training.dataset.test_labels
    whole = training._evaluate(images, labels, 47)
    parts = training._evaluate(images, labels, 5)
    assert parts[0] == pytest.approx(whole[0], rel=1e-6)
    assert parts[1] == whole[1]


def test_a_finished_run_is_reported_not_repeated(finished, monkeypatch):
    folder, result = finished
    monkeypatch.setattr(runner, "load_dataset", None)  # would fail if it were called
    assert bnstudy.run(config(**SMALL), folder) == result


def test_another_configuration_is_refused_and_the_keys_are_named(finished):
    folder, _ = finished
    with pytest.raises(bnstudy.UserError, match=r"bn\.momentum: 0\.5 here, 0\.9 there.*--out"):
        bnstudy.run(config(bn__momentum=0.5, **SMALL), folder)


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(bnstudy.UserError, match="holds other files"):
        bnstudy.run(config(**SMALL), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_fresh_keeps_the_old_folder_aside(finished, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "metrics.csv").write_text("precious")
    one_epoch = {**SMALL, "training__epochs": 1}
    bnstudy.run(config(**one_epoch), folder, fresh=True)
    assert (tmp_path / "run.old-1" / "metrics.csv").read_text() == "precious"
    assert (folder / "result.json").exists()


def figures(folder):
    """All of metrics.csv but the seconds."""
    metrics = bnstudy.load_log(folder).metrics
    return {name: list(values) for name, values in metrics.items() if "seconds" not in name}


def test_two_runs_of_one_seed_are_identical_and_of_another_different(finished, tmp_path):
    folder, _ = finished
    bnstudy.run(config(**SMALL), tmp_path / "again")
    assert figures(tmp_path / "again") == figures(folder)
    bnstudy.run(config(seed=1, **SMALL), tmp_path / "other")
    assert figures(tmp_path / "other")["train_cost"] != figures(folder)["train_cost"]


@pytest.mark.parametrize("case", ["a", "b", "c"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "amsgrad"])
def test_every_case_runs_with_every_optimizer(tmp_path, case, optimizer):
    changes = {**SMALL, "training__epochs": 1, "data__train_limit": 20, "data__test_limit": 10}
    result = bnstudy.run(config(case, optimizer__name=optimizer, **changes), tmp_path / "run")
    assert np.isfinite(result["train_cost"])


@pytest.mark.parametrize("case", ["a", "b", "c"])
def test_as_posted_runs_on_top_of_any_case(tmp_path, case):
    overrides = {key.replace("__", "."): value for key, value in SMALL.items()}
    overrides |= {"model.width": 0.1, "training.epochs": 1}
    posted = bnstudy.load_config(case=case, presets=["quick", "as_posted"], overrides=overrides)
    assert posted.data.standardize == "batch_pixels"
    assert np.isfinite(bnstudy.run(posted, tmp_path / "run")["test_cost"])
