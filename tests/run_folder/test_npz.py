"""Packed arrays: the same bytes for the same arrays, whenever they are written."""

import hashlib
import time

import numpy as np

from bnstudy.run_folder import npz

ARRAYS = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "updates": np.array(7, np.int64)}


def test_what_is_packed_comes_back(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(npz.pack(ARRAYS))
    content = npz.read(path)
    assert content.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert content[name].dtype == array.dtype
        np.testing.assert_array_equal(content[name], array)
    with np.load(path, allow_pickle=False) as file:
        assert file["sha256"].shape == (32,)


def test_the_same_arrays_give_the_same_bytes_at_any_time(monkeypatch):
    first = hashlib.sha256(npz.pack(ARRAYS)).hexdigest()
    monkeypatch.setattr(time, "time", lambda: 2e9)
    assert hashlib.sha256(npz.pack(ARRAYS)).hexdigest() == first
