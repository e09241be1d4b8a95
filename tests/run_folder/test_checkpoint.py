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
STATE = {"epoch": 2, "cost_sum": 0.1 + 0.2, "rows": [{"epoch": 1, "test_cost": 1 / 3}]}


def test_what_is_saved_comes_back_bit_for_bit(tmp_path):
    checkpoint.save(tmp_path / "checkpoints", 5, ARRAYS, STATE)
    arrays, state = checkpoint.load_newest(tmp_path / "checkpoints")
    assert state == STATE
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == array.tobytes()


def test_the_last_two_are_kept_by_number_not_by_name(tmp_path):
    for step in (5, 90, 900_000_000, 1_000_000_000):
        checkpoint.save(tmp_path / "c", step, ARRAYS, {"at": step})
    assert checkpoint.load_newest(tmp_path / "c")[1] == {"at": 1_000_000_000}
    names = {path.stem for path in (tmp_path / "c").iterdir()}
    assert names == {"step-900000000", "step-1000000000"}


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
    path = checkpoint.save(tmp_path, 1, ARRAYS, STATE)
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
        return checkpoint.save(Path(folder, "c"), 1, ARRAYS, STATE).read_bytes()


GOOD = saved_bytes()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_is_taken_for_a_checkpoint(data):
    """Bytes flipped, inserted or removed: detected, or without any effect on what is read."""
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
            arrays, state = checkpoint.load_newest(folder)
        except bnstudy.UserError:
            return
        assert state == STATE
        assert {n: a.tobytes() for n, a in arrays.items()} == {
            n: a.tobytes() for n, a in ARRAYS.items()
        }


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["bn3/gamma"].view(np.uint64)[:1].__iadd__(1),  # one bit or so
        lambda content: content.update({"conv1/w": content["conv1/w"].reshape(9, 12)}),
        lambda content: content.update({"conv1/w/step": content["conv1/w/step"].view(np.uint64)}),
        lambda content: content.update({"conv9/w": content.pop("conv1/w")}),
        lambda content: content.pop("bn3/gamma"),
        lambda content: content.update({"bn4/gamma": content["bn3/gamma"]}),
        lambda content: content.update({"state": content["state"][::-1]}),
    ],
    ids=["value", "shape", "kind", "name", "one less", "one more", "state"],
)
def test_the_checksum_is_of_names_kinds_shapes_and_values(tmp_path, change):
    path = checkpoint.save(tmp_path, 1, ARRAYS, STATE)
    with np.load(path) as file:
        content = dict(file)
    change(content)
    np.savez(path, **content)  # a sound zip
    with pytest.raises(ValueError, match="the checksum is wrong"):
        checkpoint.load(path)


@pytest.mark.parametrize(
    "damaged",
    [GOOD[: len(GOOD) // 2], b"", b"not a zip file at all" * 100, GOOD[:-30] + b"x" + GOOD[-29:]],
    ids=["half", "empty", "text", "a byte of the index"],
)
def test_a_corrupt_checkpoint_is_set_aside_for_the_one_before(tmp_path, damaged):
    checkpoint.save(tmp_path, 1, ARRAYS, {"at": 1})
    (tmp_path / "step-00000002.npz").write_bytes(damaged)
    with pytest.warns(UserWarning, match=r"step-00000002\.npz is corrupt, using the one before"):
        _, state = checkpoint.load_newest(tmp_path)
    assert state == {"at": 1}
    assert (tmp_path / "step-00000002.damaged").read_bytes() == damaged
    (tmp_path / "step-00000001.npz").write_bytes(damaged)
    with (
        pytest.warns(UserWarning, match="corrupt"),
        pytest.raises(bnstudy.UserError, match=r"every checkpoint is corrupt; .* --fresh"),
    ):
        checkpoint.load_newest(tmp_path)


def test_other_files_in_the_folder_are_ignored(tmp_path):
    checkpoint.save(tmp_path, 1, ARRAYS, {"at": 1})
    for name in (".DS_Store", "._step-00000009.npz", "step-00000009 (1).npz", "step-x.npz"):
        (tmp_path / name).write_bytes(b"x")
    assert checkpoint.load_newest(tmp_path)[1] == {"at": 1}
    checkpoint.save(tmp_path, 2, ARRAYS, {"at": 2})
    assert (tmp_path / "step-00000009 (1).npz").exists()


def test_a_checkpoint_holds_no_pickle(tmp_path):
    path = tmp_path / "step-00000001.npz"
    np.savez(path, evil=np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        checkpoint.load(path)
