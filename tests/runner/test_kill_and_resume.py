"""The short form of kill_and_resume.py, and a check that it would notice a difference."""

import shutil

import numpy as np
import pytest
from kill_and_resume import attempt, differences, small_config

import bnstudy
from bnstudy.run_folder import checkpoint


@pytest.mark.parametrize(
    ("variant", "moments"),
    [
        (
            ("c", "bfloat16", "manual"),
            [("step", 5, 0), ("checkpoint", 2, 0), ("metrics.csv", 2, 0), ("evaluation", 1, 0)],
        ),
        (("b", "float32", "autodiff"), [("rename", 6, 0)]),
    ],
)
def test_a_killed_run_ends_as_if_nothing_had_happened(variant, moments):
    kills, differing = attempt(variant, moments)
    assert kills == len(moments)
    assert differing == []


def test_a_difference_of_one_bit_would_be_noticed(tmp_path):
    bnstudy.run(small_config("a", "float32", "autodiff"), tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    assert differences(tmp_path / "one", tmp_path / "other") == []
    arrays, state = checkpoint.load_newest(tmp_path / "other" / "checkpoints")
    w = arrays["conv1/w"]
    w.flat[0] = np.nextafter(w.flat[0], np.float32(1))
    checkpoint.save(tmp_path / "other" / "checkpoints", 99, arrays, state)
    assert differences(tmp_path / "one", tmp_path / "other") == ["conv1/w"]
