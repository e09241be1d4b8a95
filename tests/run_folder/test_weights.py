"""weights.npz: what it holds, and where the weights of a run are found if it has none."""

import hashlib
import json

import numpy as np
import pytest
from trained_helpers import config_of, write_finished_run

import bnstudy
from bnstudy.run_folder import checkpoint, weights

CONFIG = config_of("c")  # of two epochs
ARRAYS = {
    "conv1/w": np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3),
    "bn3/moving_mean": np.array([1.5, -2.5], np.float32),
    "bn3/updates": np.array(9, np.int64),
    "standardization/mean": np.array([1, 2, 3], np.float32),
}
MADE_BY = {"config": {k: v for k, v in CONFIG.flat().items() if k != "training.epochs"}}
STATE = {"epoch": 2, "step": 0, "made_by": MADE_BY}


def finished(tmp_path, arrays=None):
    return write_finished_run(tmp_path / "run", CONFIG, arrays)


def refusal(folder):
    with pytest.raises(bnstudy.UserError) as caught:
        weights.load(folder)
    message = str(caught.value)
    assert message.count("\n") == 0
    return message


def assert_same(arrays, expected):
    assert arrays.keys() == expected.keys()
    for name, array in expected.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_what_is_saved_is_loaded(tmp_path):
    folder = finished(tmp_path, ARRAYS)
    found = weights.load(folder)
    assert_same(found.arrays, ARRAYS)
    assert found.run.config == CONFIG
    assert found.source == folder / "weights.npz"


def test_numpy_alone_reads_the_arrays_and_what_affects_results(tmp_path):
    folder = finished(tmp_path, ARRAYS)
    with np.load(folder / "weights.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["conv1/w"], ARRAYS["conv1/w"])
        config = json.loads(file["config"].tobytes())
    assert (config["case"], config["bn.epsilon"]) == ("c", 1e-3)
    assert not {"data.dir", "checkpoint.every_seconds"} & config.keys()  # of somebody's machine


def test_the_order_of_the_arrays_does_not_change_the_file(tmp_path):
    digests = set()
    for arrays in (ARRAYS, dict(reversed(ARRAYS.items()))):
        weights.save(tmp_path / "w.npz", CONFIG, arrays)
        digests.add(hashlib.sha256((tmp_path / "w.npz").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_without_the_file_the_weights_come_from_the_last_checkpoint(tmp_path):
    folder = finished(tmp_path)
    optimizer = {"conv1/w/m": np.zeros(3), "conv1/w/step": np.array(1)}
    checkpoint.save(folder / "checkpoints", 8, {**ARRAYS, "conv1/w": np.zeros(2)}, {"epoch": 1})
    path = checkpoint.save(folder / "checkpoints", 10, {**ARRAYS, **optimizer}, STATE)
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    found = weights.load(folder)
    assert_same(found.arrays, ARRAYS)
    assert found.source == path
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before  # nothing is written


def test_a_checkpoint_of_an_older_version_has_no_configuration(tmp_path):
    folder = finished(tmp_path)
    checkpoint.save(folder / "checkpoints", 10, ARRAYS, {"epoch": 2, "step": 0, "of": "189c"})
    assert_same(weights.load(folder).arrays, ARRAYS)


def test_an_unfinished_run_says_how_far_it_is(tmp_path):
    folder = finished(tmp_path, ARRAYS)
    (folder / "result.json").unlink()
    assert "run has not finished: it has 2 of 2 epochs; the command that" in refusal(folder)


def test_a_run_without_weights_and_checkpoints_says_so(tmp_path):
    assert "has no weights.npz, and no checkpoints to take the" in refusal(finished(tmp_path))


def test_what_is_no_run_folder_says_so(tmp_path):
    assert "not a run folder" in refusal(tmp_path)
    assert "no such folder" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize("damage", [lambda b: b[:200], lambda b: b"x" * 100, lambda b: b""])
def test_damaged_weights_are_one_line(tmp_path, damage):
    folder = finished(tmp_path, ARRAYS)
    path = folder / "weights.npz"
    path.write_bytes(damage(path.read_bytes()))
    assert f"{path} is damaged: " in refusal(folder)
    assert refusal(folder).endswith("; restore it")
    checkpoint.save(folder / "checkpoints", 10, ARRAYS, STATE)
    assert refusal(folder).endswith("; remove it, and the last checkpoint is used")
    path.unlink()
    assert_same(weights.load(folder).arrays, ARRAYS)


def test_a_file_of_the_name_that_is_something_else_is_damaged(tmp_path):
    folder = finished(tmp_path)
    np.savez(folder / "weights.npz", w=np.zeros(3))
    assert "weights.npz is damaged: " in refusal(folder)


def test_a_damaged_checkpoint_is_one_line_and_stays(tmp_path):
    folder = finished(tmp_path)
    path = checkpoint.save(folder / "checkpoints", 10, ARRAYS, STATE)
    path.write_bytes(path.read_bytes()[:-100])
    assert f"{path} is damaged: " in refusal(folder)
    assert path.exists()


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"epoch": 1, "step": 0}, "was saved in epoch 1, and result.json is of epoch 2"),
        ({"epoch": 1, "step": 7}, "was saved in epoch 2, and result.json is of epoch 2"),
        ({"epoch": 2, "step": 7}, "was saved in epoch 3, and result.json is of epoch 2"),
    ],
)
def test_a_checkpoint_that_is_not_the_end_of_the_run_is_refused(tmp_path, state, says):
    folder = finished(tmp_path)
    checkpoint.save(folder / "checkpoints", 10, ARRAYS, STATE | state)
    assert says in refusal(folder)


def test_weights_of_another_configuration_are_refused_and_the_keys_named(tmp_path):
    folder = finished(tmp_path)
    weights.save(folder / "weights.npz", config_of("c", seed=4, training__epochs=9), ARRAYS)
    says = "of another configuration than config.yaml (seed: 0 here, 4 there; training.epochs: 2 "
    assert says in refusal(folder)
    (folder / "weights.npz").unlink()
    made_by = {"config": {**MADE_BY["config"], "bn.momentum": 0.5}}
    checkpoint.save(folder / "checkpoints", 10, ARRAYS, STATE | {"made_by": made_by})
    assert "(bn.momentum: 0.9 here, 0.5 there)" in refusal(folder)


def test_a_key_that_is_new_since_and_at_its_default_makes_no_difference(tmp_path, monkeypatch):
    folder = finished(tmp_path)
    text = json.loads(weights.config_text(CONFIG))
    assert text.pop("bn.debias") is False  # as if it were new
    monkeypatch.setattr(weights, "config_text", lambda config: json.dumps(text))
    weights.save(folder / "weights.npz", CONFIG, ARRAYS)
    assert_same(weights.load(folder).arrays, ARRAYS)


@pytest.mark.parametrize("result", [None, {"diverged_at_step": 9}])
def test_of_an_unfinished_run_the_newest_checkpoint_is_read_if_asked(tmp_path, result):
    folder = finished(tmp_path, {"conv1/w": np.zeros(2)})  # of before it was extended
    path = folder / "result.json"
    if result:
        path.write_text(json.dumps(json.loads(path.read_text()) | result))
    else:
        path.unlink()
    with pytest.raises(bnstudy.UserError, match="no checkpoints"):
        weights.load(folder, unfinished=True)
    checkpoint.save(folder / "checkpoints", 6, ARRAYS, STATE | {"epoch": 1, "step": 2})
    found = weights.load(folder, unfinished=True)
    assert_same(found.arrays, ARRAYS)
    assert found.source.stem == "step-00000006"
    assert ("diverged" if result else "has not finished") in refusal(folder)
    other = {"config": {**MADE_BY["config"], "bn.momentum": 0.5}}
    checkpoint.save(folder / "checkpoints", 7, ARRAYS, STATE | {"step": 3, "made_by": other})
    with pytest.raises(bnstudy.UserError, match=r"of another configuration .*bn.momentum"):
        weights.load(folder, unfinished=True)


def test_the_weights_of_epochs_are_read_by_their_number(tmp_path):
    folder = finished(tmp_path, ARRAYS)
    assert weights.load_epochs(folder) == {}
    shorter = config_of("c", training__epochs=1)  # since then the run was extended
    for epoch, config in ((1, shorter), (2, CONFIG), (12, CONFIG)):
        arrays = {**ARRAYS, "bn3/updates": np.array(epoch, np.int64)}
        weights.save_epoch(folder, config, epoch, arrays)
    copy = folder / "epochs" / "epoch-0002 (1).npz"  # as file managers make them
    copy.write_bytes(b"")
    found = weights.load_epochs(folder)
    assert list(found) == [1, 2, 12]
    for epoch, arrays in found.items():
        assert_same(arrays, {**ARRAYS, "bn3/updates": np.array(epoch, np.int64)})


def test_weights_of_epochs_that_are_damaged_or_of_another_run_are_one_line(tmp_path):
    folder = finished(tmp_path, ARRAYS)
    weights.save_epoch(folder, config_of("c", seed=4), 1, ARRAYS)
    path = folder / "epochs" / "epoch-0001.npz"
    with pytest.raises(bnstudy.UserError, match=r"epoch-0001.npz is of another conf.*seed: 0"):
        weights.load_epochs(folder)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(bnstudy.UserError, match=r"epoch-0001.npz is damaged: .*; remove it$"):
        weights.load_epochs(folder)


def test_weights_of_a_configuration_that_this_version_does_not_know_name_the_file(
    tmp_path, monkeypatch
):
    folder = finished(tmp_path)
    keys = {**CONFIG.flat(), "bn.wings": 2}
    with monkeypatch.context() as patched:
        patched.setattr(type(CONFIG), "flat", lambda _: keys)
        patched.setattr(weights, "affects_results", lambda key: key not in ("data.dir",))
        weights.save(folder / "weights.npz", CONFIG, ARRAYS)
    message = refusal(folder)
    assert f"{folder / 'weights.npz'} has no configuration of this version: " in message
    assert "bn.wings" in message
