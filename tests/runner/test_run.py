"""A run from start to end: its folder, its metrics, how it stops, and what it survives."""

import csv
import errno
import json
import os
import re
import shutil
import signal
import threading
import time

import numpy as np
import pytest
import tensorflow as tf
from kill_and_resume import differences, small_config
from marks import thorough

import bnstudy
from bnstudy.data.dataset import load_dataset
from bnstudy.data.standardize import standardizers
from bnstudy.interrupts import Interrupted
from bnstudy.model.all_cnn import Model
from bnstudy.run_folder import checkpoint, files, weights
from bnstudy.runner import loop, training

CONFIG = small_config("c", "float32", "manual")  # 7 steps an epoch, 3 epochs


def at_step(monkeypatch, number, action):
    """Call `action` while a run shows its step `number`."""
    count, update = 0, training.ProgressBar.update

    def counted(self, *args):
        nonlocal count
        count += 1
        if count == number:
            action()
        update(self, *args)

    monkeypatch.setattr(training, "SYNC_INTERVAL", 0)  # show every step
    monkeypatch.setattr(training.ProgressBar, "update", counted)


def entries_of(folder):
    return json.loads((folder / "environment.json").read_text())["continuations"]


# ------------------------------------------------------------------------------- what it leaves


def test_the_folder_holds_what_is_promised(undisturbed):
    names = {path.name for path in undisturbed.iterdir()}
    assert names == {
        *("config.yaml", "environment.json", "metrics.csv", "result.json"),
        *("train.png", "test.png", "weights.npz", "checkpoints"),
    }
    assert bnstudy.load_config(file=undisturbed / "config.yaml") == CONFIG
    (entry,) = entries_of(undisturbed)
    assert entry["versions"]["tensorflow"] == tf.__version__
    assert (entry["outcome"], entry["first_step"]) == ("finished", 0)
    assert 100 < entry["peak_memory_mb"] < 100_000
    with (undisturbed / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [row["images"] for row in rows] == ["140", "280", "420"]  # 70 images and their copies
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates == [1e-3, 1e-3 / 1.001, 1e-3 / 1.002]


def test_the_result_is_the_last_epoch(undisturbed):
    result = json.loads((undisturbed / "result.json").read_text())
    metrics = bnstudy.load_log(undisturbed).metrics
    for name in ("train_cost", "train_accuracy", "test_cost", "test_accuracy"):
        assert result[name] == metrics[name][-1]
    assert result["epochs"] == 3


def test_test_metrics_follow_from_the_saved_weights(undisturbed):
    """Computed again, with NumPy alone, from what the checkpoint holds."""
    arrays, _ = checkpoint.load_newest(undisturbed / "checkpoints")
    model = Model(CONFIG)
    for name, variable in {**model.parameters, **model.statistics}.items():
        variable.assign(arrays[name])
    dataset = load_dataset(CONFIG.data)
    images = (np.float32(dataset.test_images) - arrays["standardization/mean"]) / arrays[
        "standardization/stddev"
    ]
    logits = model.forward(images, training=False)[0].numpy().astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    result = bnstudy.load_log(undisturbed).result
    cost = -log_p[range(40), dataset.test_labels].mean()
    assert result["test_cost"] == pytest.approx(cost, rel=1e-5)
    assert result["test_accuracy"] == np.mean(logits.argmax(1) == dataset.test_labels)


def test_checkpoints_are_two_and_readable_by_numpy_alone(undisturbed):
    paths = sorted((undisturbed / "checkpoints").iterdir())
    assert [path.name for path in paths] == ["step-00000018.npz", "step-00000021.npz"]
    with np.load(paths[-1], allow_pickle=False) as file:
        assert file["conv5/w"].dtype == np.float32
        assert json.loads(file["state"].tobytes())["epoch"] == 3


def test_the_weights_are_those_of_the_last_checkpoint_without_the_optimizers_state(undisturbed):
    saved, _ = checkpoint.load_newest(undisturbed / "checkpoints")
    arrays = weights.load(undisturbed).arrays
    assert arrays.keys() == {name for name in saved if name.count("/") == 1}
    assert {"conv9/w", "bn6/beta", "bn3/moving_mean", "standardization/stddev"} <= arrays.keys()
    for name, array in arrays.items():
        assert array.dtype == saved[name].dtype
        np.testing.assert_array_equal(array, saved[name])


@pytest.mark.thorough
def test_weights_of_every_epoch_are_kept_if_asked_and_change_nothing(tmp_path, undisturbed):
    keeping = CONFIG.checkpoint.model_copy(update={"keep_epochs": True})
    bnstudy.run(CONFIG.model_copy(update={"checkpoint": keeping}), tmp_path / "run")
    assert differences(undisturbed, tmp_path / "run") == []
    epochs = weights.load_epochs(tmp_path / "run")
    assert list(epochs) == [1, 2, 3]
    last = weights.load(undisturbed).arrays
    for name, array in epochs[3].items():
        np.testing.assert_array_equal(array, last[name], name)
    assert not np.array_equal(epochs[2]["conv1/w"], last["conv1/w"])


@pytest.mark.parametrize("method", ["train_channels", "batch_pixels"])
def test_a_checkpoint_says_how_test_images_are_standardized(tmp_path, method):
    config = bnstudy.load_config(
        "a", ["quick"], overrides={"model.width": 0.05, "data.standardize": method}
    )
    dataset = load_dataset(config.data)
    training.Training(config, dataset).save(tmp_path)
    arrays, _ = checkpoint.load_newest(tmp_path)
    assert {"standardization/mean", "standardization/stddev"} <= arrays.keys()
    expected = standardizers(dataset, method).test
    np.testing.assert_array_equal(arrays["standardization/mean"], expected.mean)
    np.testing.assert_array_equal(arrays["standardization/stddev"], expected.stddev)
    assert arrays["standardization/mean"].shape == expected.mean.shape


@pytest.mark.parametrize("case", [*thorough("a", "b"), "c"])
def test_as_posted_runs_on_top_of_any_case(tmp_path, case):
    overrides = {"model.width": 0.1, "training.epochs": 1, "data.train_limit": 20}
    overrides |= {"data.test_limit": 20, "training.batch_size": 20}
    posted = bnstudy.load_config(case, ["quick", "as_posted"], overrides=overrides)
    assert posted.data.standardize == "batch_pixels"
    assert np.isfinite(bnstudy.run(posted, tmp_path / "run")["test_cost"])


# ------------------------------------------------------------------------------- the same again


def test_a_finished_run_is_reported_not_repeated(undisturbed, monkeypatch):
    monkeypatch.setattr(loop, "load_dataset", None)  # would fail if it were called
    assert bnstudy.run(CONFIG, undisturbed) == bnstudy.load_log(undisturbed).result


def test_a_finished_run_is_reported_from_a_read_only_folder(undisturbed, monkeypatch):
    def refuse(path, data):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(files, "write_bytes_atomic", refuse)
    before = sorted(path.name for path in undisturbed.iterdir())
    assert bnstudy.run(CONFIG, undisturbed) == bnstudy.load_log(undisturbed).result
    assert sorted(path.name for path in undisturbed.iterdir()) == before


def test_what_a_killed_process_left_half_written_is_removed(unfinished):
    for place in (".", "checkpoints", "epochs"):
        (unfinished / place).mkdir(exist_ok=True)
        (unfinished / place / ".file.npz.123.tmp").touch()
    bnstudy.run(CONFIG, unfinished)
    assert not list(unfinished.rglob("*.tmp"))


@pytest.mark.parametrize("text", [None, "", "epoch\n"], ids=["missing", "empty", "short"])
def test_a_lost_log_is_written_again_from_the_checkpoint(undisturbed, unfinished, text):
    (unfinished / "metrics.csv").unlink()
    if text is not None:
        (unfinished / "metrics.csv").write_text(text)
    bnstudy.run(CONFIG, unfinished)
    assert differences(unfinished, undisturbed) == []


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("config.yaml", "case: c\nnonsense: 1\n", "unknown key 'nonsense'"),
        ("config.yaml", "!!python/object/apply:os.system [echo]", "config.yaml"),
        ("environment.json", "{", "environment.json is damaged"),
        ("environment.json", '{"continuations": 3}', "environment.json is damaged"),
        ("environment.json", '{"continuations": [3]}', "environment.json is damaged"),
        ("result.json", "[1]", "result.json is damaged"),
    ],
)
def test_a_folder_edited_by_hand_is_one_line(unfinished, name, text, says):
    (unfinished / name).write_text(text)
    with pytest.raises(bnstudy.UserError) as caught:
        bnstudy.run(CONFIG, unfinished)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------- from Python


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (({"case": "c"}, "run"), "config is of type dict, must come from bnstudy.load_config"),
        (("c", "run"), "config is of type str"),
        ((CONFIG, None), "out_dir is of type NoneType, must be the path of a run folder"),
        ((CONFIG, b"run"), "out_dir is of type bytes"),
        ((CONFIG, ""), "out_dir must be the path of a run folder, got ''"),
        ((CONFIG, "a\0b"), "out_dir must be the path of a run folder"),
        ((CONFIG, "~nobody-of-that-name/run"), "there is no such user"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, says):
    with pytest.raises(bnstudy.UserError) as caught:
        bnstudy.run(*arguments)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"bn.axes": "activation", "data.train_limit": 51}, "leaves a last batch of one image"),
        ({"bn.virtual_batch_size": 25, "data.train_limit": 60}, "leaves a last batch of 10 images"),
        ({"training.devices": 3}, "TensorFlow has already started"),
        ({"training.devices": 3, "data.train_limit": 51}, "bn.synchronized false each of"),
    ],
)
def test_a_run_that_is_refused_leaves_no_folder_in_the_way_of_the_right_one(
    tmp_path, monkeypatch, changes, says
):
    tf.config.list_logical_devices()  # TensorFlow starts
    if says.startswith("bn."):
        monkeypatch.setattr(training.devices, "choose", lambda wanted: ["CPU:0"] * wanted)
    changes = {"data.augment": False, "training.batch_size": 50, "model.width": 0.05, **changes}
    with pytest.raises(bnstudy.UserError, match=says):
        bnstudy.run(bnstudy.load_config("c", ["quick"], overrides=changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_tilde_is_the_home_folder(unfinished, monkeypatch):
    monkeypatch.setenv("HOME", str(unfinished.parent))
    bnstudy.run(CONFIG, "~/run")
    assert bnstudy.load_log("~/run").result == bnstudy.load_log(unfinished).result


def test_a_run_in_a_thread_and_the_same_again(unfinished):
    """Without signals, which only the main thread receives; and twice in one process."""
    results, before = [], signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=lambda: results.append(bnstudy.run(CONFIG, unfinished)))
    thread.start()
    thread.join()
    assert results == [bnstudy.run(CONFIG, unfinished)]
    assert signal.getsignal(signal.SIGINT) is before


# ------------------------------------------------------------------------------- stopping


def test_a_signal_saves_and_stops_and_the_run_continues(tmp_path, monkeypatch, undisturbed):
    folder, before = tmp_path / "run", signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        at_step(patch, 10, lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(Interrupted, match="saved at step 10"):
            bnstudy.run(CONFIG, folder)
    assert checkpoint.newest(folder / "checkpoints")
    assert (folder / "checkpoints" / "step-00000010.npz").exists()
    assert signal.getsignal(signal.SIGINT) is before
    bnstudy.run(CONFIG, folder)
    assert differences(folder, undisturbed) == []
    told = [(entry["first_step"], entry["outcome"]) for entry in entries_of(folder)]
    assert told == [(0, "interrupted"), (10, "finished")]


@pytest.mark.thorough
def test_a_second_stop_is_a_keyboard_interrupt_and_harms_nothing(
    unfinished, monkeypatch, undisturbed
):
    """The caller's process goes on, its `finally` runs, the lock is free, the run continues."""
    (unfinished / "checkpoints" / "step-00000021.npz").unlink()  # three steps are left
    cleaned_up = []

    def stuck(self, folder):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("still here")

    with monkeypatch.context() as patch:
        at_step(patch, 2, lambda: os.kill(os.getpid(), signal.SIGINT))
        patch.setattr(training.Training, "save", stuck)

        def caller():
            try:
                bnstudy.run(CONFIG, unfinished)
            finally:
                cleaned_up.append(True)

        with pytest.raises(KeyboardInterrupt, match="the last checkpoint is intact"):
            caller()
    assert cleaned_up
    assert entries_of(unfinished)[-1]["outcome"] == "interrupted"
    bnstudy.run(CONFIG, unfinished)
    assert differences(unfinished, undisturbed) == []


@pytest.mark.thorough
def test_an_evaluation_is_interrupted_too(unfinished, monkeypatch, undisturbed):
    (unfinished / "checkpoints" / "step-00000021.npz").unlink()
    make = training.make_evaluate

    def slow(model, standardize):
        def interrupted(images, labels, after_batch):
            os.kill(os.getpid(), signal.SIGINT)
            return make(model, standardize)(images, labels, 10, after_batch)

        return interrupted

    with monkeypatch.context() as patch:
        patch.setattr(training, "make_evaluate", slow)
        with pytest.raises(Interrupted, match="saved at step 21"):
            bnstudy.run(CONFIG, unfinished)
    bnstudy.run(CONFIG, unfinished)
    assert differences(unfinished, undisturbed) == []


# ------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    "name", [*thorough("step-00000021.npz", "result.json"), "metrics.csv", "test.png"]
)
def test_a_full_disk_is_one_line_and_nothing_written_is_harmed(
    monkeypatch, undisturbed, unfinished, name
):
    if name.startswith("step"):  # else no training step is needed
        (unfinished / "checkpoints" / name).unlink()
    write = files.write_bytes_atomic

    def full(path, data):
        if os.path.basename(path) == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(path, data)

    with monkeypatch.context() as patch:
        from bnstudy.plots import figures, style

        for module in (files, checkpoint, style):
            patch.setattr(module, "write_bytes_atomic", full)
        patch.setattr(loop, "plot_run", figures.plot_run)
        with pytest.raises(bnstudy.UserError, match=rf"{re.escape(name)}.*No space left"):
            bnstudy.run(CONFIG, unfinished)
    assert not (unfinished / "result.json").exists()
    bnstudy.run(CONFIG, unfinished)
    assert differences(unfinished, undisturbed) == []


@pytest.mark.parametrize("error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "")])
def test_out_of_memory_is_one_line(tmp_path, monkeypatch, error):
    def exhausted(*args):
        raise error

    monkeypatch.setattr(training, "make_train_step", lambda *args: exhausted)
    with pytest.raises(bnstudy.UserError, match=r"out of memory.*training\.batch_size"):
        bnstudy.run(CONFIG, tmp_path / "run")
    assert entries_of(tmp_path / "run")[-1]["outcome"] == "failed"


@pytest.mark.parametrize("name", ["UnavailableError", "AbortedError", "CancelledError"])
def test_one_process_does_not_report_a_lost_worker(tmp_path, monkeypatch, name):
    error = getattr(tf.errors, name)(None, None, "of whatever")

    def broken(*args):
        raise error

    monkeypatch.setattr(training, "make_train_step", lambda *args: broken)
    with pytest.raises((type(error), bnstudy.UserError)) as found:
        bnstudy.run(CONFIG, tmp_path / "run")
    assert found.value is error


def test_a_cost_that_explodes_stops_the_run_and_keeps_what_was_good(tmp_path):
    overrides = {"optimizer.name": "sgd", "optimizer.learning_rate": 1e18, "model.width": 0.1}
    overrides |= {"checkpoint.every_steps": 1, "data.train_limit": 100}
    wild = bnstudy.load_config("a", ["quick"], overrides=overrides)
    with pytest.raises(bnstudy.UserError) as caught:
        bnstudy.run(wild, tmp_path / "run")
    message = str(caught.value)
    assert re.search(r"by step \d+ \(epoch 1, step \d+ of 4\), learning rate 1e\+18", message)
    assert message.endswith("try a smaller optimizer.learning_rate or model.batch_norm=custom")
    assert bnstudy.load_log(tmp_path / "run").result is None
    for path in (tmp_path / "run" / "checkpoints").glob("*.npz"):
        arrays, _ = checkpoint.load(path)
        assert all(np.isfinite(array).all() for array in arrays.values())


def test_a_corrupt_checkpoint_falls_back_to_the_one_before(undisturbed, unfinished):
    path = unfinished / "checkpoints" / "step-00000021.npz"
    path.write_bytes(path.read_bytes()[:10_000])
    with pytest.warns(UserWarning, match=r"step-00000021\.npz is corrupt"):
        bnstudy.run(CONFIG, unfinished)
    assert differences(unfinished, undisturbed) == []


def test_fresh_keeps_the_old_folder_aside(undisturbed, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    (folder / "metrics.csv").write_text("precious")
    small = {"training.epochs": 1, "data.train_limit": 10, "data.test_limit": 10}
    small |= {"model.width": 0.05, "training.batch_size": 20}
    config = bnstudy.load_config("a", ["quick"], overrides=small)
    bnstudy.run(config, folder, fresh=True)
    assert sorted(path.name for path in tmp_path.glob("run*")) == ["run", "run.old-1"]
    assert (tmp_path / "run.old-1" / "metrics.csv").read_text() == "precious"
    assert bnstudy.load_log(folder).config == config
