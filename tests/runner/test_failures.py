"""Interruptions, a second writer, a full disk, a folder that is not ours, costs that explode."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from kill_and_resume import differences, small_config

import bnstudy
from bnstudy.run_folder import checkpoint
from bnstudy.run_folder import log as run_log
from bnstudy.runner import run as runner
from bnstudy.runner import training
from bnstudy.cli.main import main
from bnstudy.interrupts import Interrupted
from bnstudy.run_folder.folder import holder_of

CONFIG = small_config("c", "float32", "manual")  # 7 steps an epoch, 3 epochs


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    bnstudy.run(CONFIG, folder)
    return folder


def at_step(monkeypatch, number, action):
    """Call `action` while a run shows its step `number`."""
    count, update = 0, training.Progress.update

    def counted(self, *args):
        nonlocal count
        count += 1
        if count == number:
            action()
        update(self, *args)

    monkeypatch.setattr(training, "READ_EVERY", 0)  # show every step
    monkeypatch.setattr(training.Progress, "update", counted)


def steps_saved(folder):
    return sorted(int(path.stem.partition("-")[2]) for path in folder.glob("checkpoints/*.npz"))


# ------------------------------------------------------------------------------- stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_stops_and_the_run_continues(tmp_path, monkeypatch, undisturbed, number):
    with monkeypatch.context() as patch:
        at_step(patch, 10, lambda: os.kill(os.getpid(), number))
        with pytest.raises(Interrupted, match="saved at step 10"):
            bnstudy.run(CONFIG, tmp_path / "run")
    assert steps_saved(tmp_path / "run")[-1] == 10
    assert signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL)
    bnstudy.run(CONFIG, tmp_path / "run")
    assert differences(tmp_path / "run", undisturbed) == []
    entries = json.loads((tmp_path / "run" / "environment.json").read_text())["continuations"]
    told = [(entry["first_step"], entry["outcome"]) for entry in entries]
    assert told == [(0, "interrupted"), (10, "finished")]


def test_an_evaluation_is_interrupted_too(tmp_path, monkeypatch, undisturbed):
    evaluate = training.make_evaluate

    def slow(model, standardize):
        def interrupted(images, labels, after_batch):
            os.kill(os.getpid(), signal.SIGINT)
            return evaluate(model, standardize)(images, labels, 10, after_batch)

        return interrupted

    with monkeypatch.context() as patch:
        patch.setattr(training, "make_evaluate", slow)
        with pytest.raises(Interrupted, match="saved at step 7"):
            bnstudy.run(CONFIG, tmp_path / "run")
    bnstudy.run(CONFIG, tmp_path / "run")
    assert differences(tmp_path / "run", undisturbed) == []


def start(folder, *more):
    """Start a run of many epochs in a process of its own; return it once it trains."""
    command = [sys.executable, "-m", "bnstudy", "run", "--case", "c", "--preset", "quick"]
    changes = ["--set", "training.epochs=500", "--set", "model.width=0.1", "--out", str(folder)]
    process = subprocess.Popen([*command, *changes, *more], stderr=subprocess.PIPE, text=True)
    first = process.stderr.readline()
    assert first.startswith("epoch 1/500"), first + process.stderr.read()
    return process


def test_ctrl_c_on_the_command_line(tmp_path):
    process = start(tmp_path / "run")
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - asked < 10
    assert process.returncode == 130
    said = errors.splitlines()[-1]
    assert re.search(r"saved at step \d+; the same command continues", said)
    assert f"step {steps_saved(tmp_path / 'run')[-1]};" in said


def test_a_second_signal_leaves_at_once_and_harms_nothing(tmp_path):
    script = """
import os, signal, sys, time
from kill_and_resume import small_config
import bnstudy
from bnstudy.runner import training
def stuck(self, *args):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGINT)
    print("still here")
training.Training.save = stuck
bnstudy.run(small_config("c", "float32", "manual"), sys.argv[1])
"""
    command = [sys.executable, "-c", script, str(tmp_path / "run")]
    tests = os.path.dirname(__file__)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([tests, *sys.path])}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 130, ended.stderr
    assert "still here" not in ended.stdout
    assert ended.stderr.endswith("left at once; what was saved before is whole\n")
    bnstudy.run(CONFIG, tmp_path / "run")  # the dead process's lock is no obstacle


# ------------------------------------------------------------------------------- one writer


def test_a_second_process_is_refused_and_told_who_holds_the_folder(tmp_path, capsys):
    process = start(tmp_path / "run")
    try:
        arguments = ["--set", "training.epochs=500", "--set", "model.width=0.1"]
        arguments += ["--out", str(tmp_path / "run")]
        for more in ([], ["--fresh"]):
            assert main(["run", "--case", "c", "--preset", "quick", *arguments, *more]) == 2
            error = capsys.readouterr().err
            assert f"is in use by process {process.pid} on" in error
            assert error.count("\n") == 1
    finally:
        process.kill()
        process.communicate()
    assert holder_of(tmp_path / "run").exists()  # the dead left its note; its lock is gone
    assert "killed" not in (tmp_path / "run" / "environment.json").read_text()


# ------------------------------------------------------------------------------- broken writing


@pytest.mark.parametrize("name", ["step-00000009.npz", "metrics.csv", "result.json", "test.png"])
def test_a_full_disk_is_one_line_and_nothing_written_is_harmed(
    tmp_path, monkeypatch, undisturbed, name
):
    write, folder = run_log.write_bytes_atomic, tmp_path / "run"

    def full(path, data):
        late = len(list(folder.glob("checkpoints/*"))) > 1
        if os.path.basename(path) == name and late:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(path, data)

    with monkeypatch.context() as patch:
        for module in (run_log, checkpoint, sys.modules["bnstudy.plots"]):
            patch.setattr(module, "write_bytes_atomic", full)
        with pytest.raises(bnstudy.UserError, match=rf"{re.escape(name)}.*No space left"):
            bnstudy.run(CONFIG, folder)
    bnstudy.run(CONFIG, folder)
    assert differences(folder, undisturbed) == []


def test_a_real_write_that_fails_leaves_the_old_file(tmp_path):
    """With the size of files limited, as on a full disk, the write itself breaks off."""
    script = """
import resource, sys, signal
from bnstudy.run_folder.files import write_bytes_atomic
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_bytes_atomic(sys.argv[1], b"x" * 100_000)
except OSError as error:
    print(type(error).__name__)
"""
    path = tmp_path / "file"
    path.write_text("old")
    command = [sys.executable, "-c", script, str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == "OSError\n"
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_place_where_no_folder_can_be_made(tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    assert main(["run", "--case", "c", "--preset", "quick", "--out", f"{tmp_path}/file/run"]) == 2
    error = capsys.readouterr().err
    assert f"{tmp_path}/file" in error
    assert error.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only(tmp_path, capsys):
    tmp_path.chmod(0o500)
    assert main(["run", "--case", "c", "--preset", "quick", "--out", f"{tmp_path}/run"]) == 2
    assert "Permission denied" in capsys.readouterr().err


def test_a_finished_run_is_reported_from_a_read_only_folder(undisturbed, monkeypatch):
    def refuse(path, data):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(run_log, "write_bytes_atomic", refuse)
    before = sorted(path.name for path in undisturbed.iterdir())
    assert bnstudy.run(CONFIG, undisturbed) == bnstudy.load_log(undisturbed).result
    assert sorted(path.name for path in undisturbed.iterdir()) == before


@pytest.mark.parametrize("error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "")])
def test_short_memory_is_one_line(tmp_path, monkeypatch, error):
    def exhausted(*args):
        raise error

    monkeypatch.setattr(training, "make_train_step", lambda *args: exhausted)
    with pytest.raises(bnstudy.UserError, match=r"memory is short.*training\.batch_size"):
        bnstudy.run(CONFIG, tmp_path / "run")


# ------------------------------------------------------------------------------- bad numbers


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


# ------------------------------------------------------------------------------- damaged folders


def damaged_copy(undisturbed, tmp_path, damage):
    """Return an unfinished copy of a run, with its newest checkpoint damaged."""
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    (folder / "result.json").unlink()
    path = folder / "checkpoints" / f"step-{steps_saved(folder)[-1]:08d}.npz"
    path.write_bytes(damage(path.read_bytes()))
    return folder


def flip(content, position):
    changed = bytearray(content)
    changed[position] ^= 1
    return bytes(changed)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: b"not a zip file at all" * 100,
        lambda content: flip(content, len(content) // 3),
        lambda content: flip(content, len(content) - 30),
    ],
    ids=["half", "empty", "text", "a bit", "a bit of the index"],
)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(undisturbed, tmp_path, damage):
    folder = damaged_copy(undisturbed, tmp_path, damage)
    with pytest.warns(UserWarning, match="step-00000021.npz is damaged"):
        bnstudy.run(CONFIG, folder)
    assert differences(folder, undisturbed) == []


def test_every_checkpoint_damaged_is_one_line(undisturbed, tmp_path):
    folder = damaged_copy(undisturbed, tmp_path, lambda content: b"")
    for path in folder.glob("checkpoints/*"):
        path.write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="damaged"),
        pytest.raises(bnstudy.UserError, match=r"every checkpoint is damaged; .* --fresh"),
    ):
        bnstudy.run(CONFIG, folder)


def test_a_checkpoint_of_another_network_is_refused(undisturbed, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    (folder / "result.json").unlink()
    arrays, progress = checkpoint.load_newest(folder / "checkpoints")
    arrays["conv1/w"] = arrays["conv1/w"][..., 1:]
    checkpoint.save(folder / "checkpoints", 99, arrays, progress)
    with pytest.raises(bnstudy.UserError, match="of another network or version"):
        bnstudy.run(CONFIG, folder)
    checkpoint.save(folder / "checkpoints", 100, arrays, {"of": progress["of"], "epoch": 1})
    with pytest.raises(bnstudy.UserError, match="of another network or version"):
        bnstudy.run(CONFIG, folder)
    checkpoint.save(folder / "checkpoints", 101, arrays, {"epoch": 1})
    with pytest.raises(bnstudy.UserError, match="of another configuration, other images"):
        bnstudy.run(CONFIG, folder)


def test_a_checkpoint_under_an_edited_configuration_is_refused(undisturbed, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    (folder / "result.json").unlink()
    other = small_config("c", "float32", "manual", seed=7)
    (folder / "config.yaml").write_text(other.to_yaml())
    with pytest.raises(bnstudy.UserError, match="of another configuration, other images"):
        bnstudy.run(other, folder)


def test_other_images_under_the_same_name_are_refused(undisturbed, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    (folder / "result.json").unlink()
    load = runner.load_dataset

    def changed(options):
        dataset = load(options)
        dataset.test_images[3, 4, 5, 0] ^= 1
        return dataset

    monkeypatch.setattr(runner, "load_dataset", changed)
    with pytest.raises(bnstudy.UserError, match="of another configuration, other images"):
        bnstudy.run(CONFIG, folder)


def test_fresh_leaves_a_folder_that_is_no_run_alone(tmp_path):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "thesis.tex").write_text("precious")
    with pytest.raises(bnstudy.UserError, match="holds other files"):
        bnstudy.run(CONFIG, folder, fresh=True)
    assert (folder / "thesis.tex").read_text() == "precious"


def test_checkpoints_are_two_and_readable_by_numpy_alone(undisturbed):
    assert steps_saved(undisturbed) == [18, 21]
    with np.load(undisturbed / "checkpoints" / "step-00000021.npz", allow_pickle=False) as file:
        assert file["conv5/w"].dtype == np.float32
        assert json.loads(file["progress"].tobytes())["epoch"] == 3


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("config.yaml", "case: c\nnonsense: 1\n", "unknown key 'nonsense'"),
        ("config.yaml", "!!python/object/apply:os.system [echo]", "config.yaml"),
        ("environment.json", "{", "environment.json is damaged"),
        ("environment.json", '{"continuations": 3}', "environment.json is damaged"),
        ("environment.json", '{"continuations": [3]}', "environment.json is damaged"),
    ],
)
def test_a_folder_edited_by_hand_is_one_line(undisturbed, tmp_path, name, text, says):
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    (folder / "result.json").unlink()
    (folder / name).write_text(text)
    with pytest.raises(bnstudy.UserError) as caught:
        runner.run(CONFIG, folder)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [None, "", "epoch\n"], ids=["missing", "empty", "short"])
def test_a_log_that_is_lost_is_written_again_from_the_checkpoint(undisturbed, tmp_path, text):
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    (folder / "result.json").unlink()
    (folder / "metrics.csv").unlink()
    if text is not None:
        (folder / "metrics.csv").write_text(text)
    bnstudy.run(CONFIG, folder)
    assert differences(folder, undisturbed) == []


def test_a_result_edited_by_hand_is_one_line(undisturbed, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    (folder / "result.json").write_text("[1]")
    with pytest.raises(bnstudy.UserError, match=r"result\.json is damaged"):
        bnstudy.run(CONFIG, folder)
