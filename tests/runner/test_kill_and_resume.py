"""The short form of kill_and_resume.py, and a check that it would notice a difference."""

import shutil

import numpy as np
import pytest
from kill_and_resume import differences, disturb, small_config

import bnstudy
from bnstudy.run_folder import checkpoint

EVERY_KIND = [("step", 5), ("checkpoint", 2), ("metrics.csv", 2), ("evaluation", 1), ("rename", 3)]


@pytest.mark.parametrize(
    "moments",
    [[("checkpoint", 2)], pytest.param(EVERY_KIND, marks=pytest.mark.thorough)],
    ids=["once", "in every kind of moment"],
)
def test_a_killed_run_ends_as_if_nothing_had_happened(undisturbed, tmp_path, moments):
    """Killed in processes; then continued here to its end."""
    variant, folder = ("c", "float32", "manual"), tmp_path / "run"
    assert disturb(folder, variant, [(*moment, 0) for moment in moments]) == len(moments)
    assert not (folder / "result.json").exists()
    bnstudy.run(small_config(*variant), folder)
    assert differences(folder, undisturbed) == []


def test_a_difference_of_one_bit_would_be_noticed(undisturbed, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(undisturbed, other)
    assert differences(undisturbed, other) == []
    arrays, state = checkpoint.load_newest(other / "checkpoints")
    w = arrays["conv1/w"]
    w.flat[0] = np.nextafter(w.flat[0], np.float32(1))
    checkpoint.save(other / "checkpoints", 99, arrays, state)
    assert differences(undisturbed, other) == ["conv1/w"]
