"""Checkpoints: the state comes back bit for bit, and no damage goes unnoticed."""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bnstudy
from bnstudy.run_folder import checkpoint

RNG = np.random.default_rng(0)
ARRAYS = {
    "conv1/w": RNG.standard_normal((3, 3, 3, 4)).astype(np.float32),
    "conv1/w/step": np.array(7, np.int64),
    "bn3/gamma": np.array([np.float32(0.1), np.nextafter(np.float32(1), np.float32(2))]),
}
PROGRESS = {"epoch": 2, "cost_sum": 0.1 + 0.2, "rows": [{"epoch": 1, "test_cost": 1 / 3}]}


def test_what_is_saved_comes_back_bit_for_bit(tmp_path):
    checkpoint.save(tmp_path / "checkpoints", 5, ARRAYS, PROGRESS)
    arrays, progress = checkpoint.load_newest(tmp_path / "checkpoints")
    assert progress == PROGRESS
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == array.tobytes()


def test_the_last_two_are_kept_by_number_not_by_name(tmp_path):
    for step in (5, 90, 900_000_000, 1_000_000_000):
        checkpoint.save(tmp_path / "c", step, ARRAYS, {"at": step})
    assert checkpoint.load_newest(tmp_path / "c")[1] == {"at": 1_000_000_000}
    assert len(list((tmp_path / "c").iterdir())) == 2


def test_the_one_just_saved_is_never_removed(tmp_path):
    """Not even beside damaged files of later steps."""
    folder = tmp_path / "c"
    for step in (3, 4, 9, 10):
        checkpoint.save(folder, step, ARRAYS, {"at": step})
    for step in (9, 10):
        (folder / f"step-{step:08d}.npz").write_bytes(b"damaged")
    checkpoint.save(folder, 5, ARRAYS, {"at": 5})
    assert checkpoint.load_newest(folder)[1] == {"at": 5}
    assert not list(folder.glob("step-0000001*"))


def test_a_machine_short_of_memory_damages_nothing(tmp_path, monkeypatch):
    path = checkpoint.save(tmp_path, 1, ARRAYS, PROGRESS)
    for error in (MemoryError(), OSError(5, "Input/output error")):

        def broken(*args, error=error, **kwargs):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(np, "load", broken)
            with pytest.raises(type(error)):
                checkpoint.load_newest(tmp_path)
    assert path.exists()


def test_no_checkpoint_is_none(tmp_path):
    assert checkpoint.load_newest(tmp_path / "nowhere") is None


def saved_bytes():
    with tempfile.TemporaryDirectory() as folder:
        return checkpoint.save(Path(folder, "c"), 1, ARRAYS, PROGRESS).read_bytes()


GOOD = saved_bytes()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_is_taken_for_a_checkpoint(data):
    """Flipped, inserted, removed bytes: found out, or without any effect on what is read."""
    content = bytearray(GOOD)
    kind = data.draw(st.sampled_from(["flip", "cut", "insert", "noise"]))
    at = data.draw(st.integers(0, len(content) - 1))
    if kind == "flip":
        content[at] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        del content[at : at + data.draw(st.integers(1, 2000))]
    elif kind == "insert":
        content[at:at] = data.draw(st.binary(min_size=1, max_size=100))
    else:
        content = data.draw(st.binary(max_size=300))
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        (folder / "step-00000001.npz").write_bytes(content)
        try:
            arrays, progress = checkpoint.load_newest(folder)
        except bnstudy.UserError:
            return
        assert progress == PROGRESS
        assert {n: a.tobytes() for n, a in arrays.items()} == {
            n: a.tobytes() for n, a in ARRAYS.items()
        }


def test_a_checkpoint_holds_no_pickle(tmp_path):
    path = tmp_path / "step-00000001.npz"
    np.savez(path, evil=np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        checkpoint.load(path)
