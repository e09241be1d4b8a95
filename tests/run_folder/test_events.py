"""The files for TensorBoard: what it reads there, and what is left when a run continues."""

import os
import sys

import numpy as np
import pytest
from tensorboard_helpers import read

from bnstudy.errors import UserError
from bnstudy.run_folder import events
from bnstudy.run_folder.log import COLUMNS, EpochMetrics

pytest.importorskip("tensorboard", reason="the extra is not installed")

ROWS = [
    EpochMetrics(1, 3e-4, 140, 2.25, 0.125, 2.5, 0.25, 11.125, 1.75),
    EpochMetrics(2, 2e-4, 280, 1.75, 0.375, 1.25, 0.5, 10.625, 1.5),
    EpochMetrics(3, 1e-4, 420, 0.75, 0.625, float("nan"), 0.875, 9.5, 1.375),
]


def values_of(number):
    """Return values whose histograms tell the numbers apart."""
    return {"activations/elu1": number * np.random.default_rng(number).standard_normal((7, 5, 3))}


def test_the_scalars_are_the_columns_of_the_log_and_the_step_is_the_epoch(tmp_path):
    events.write(tmp_path, ROWS)
    found = read(tmp_path / "tensorboard")
    assert found.keys() == {f"metrics/{name}" for name in COLUMNS if name != "epoch"}
    for tag, series in found.items():
        assert [step for step, _ in series] == [1, 2, 3]
        column = [getattr(row, tag.removeprefix("metrics/")) for row in ROWS]
        np.testing.assert_array_equal([value for _, value in series], np.float32(column))


def test_a_histogram_counts_the_finite_values_of_the_last_epoch(tmp_path):
    values = values_of(2)["activations/elu1"]
    broken = np.append(values, [np.nan, np.inf, -np.inf])
    events.write(tmp_path, ROWS, {"activations/elu1": broken, "gradients/w": broken[-3:]})
    found = read(tmp_path / "tensorboard")
    ((step, histogram),) = found["activations/elu1"]
    counts, edges = np.histogram(values, 30)
    assert step == 3
    np.testing.assert_allclose(histogram.T, [edges[:-1], edges[1:], counts], atol=1e-12)
    ((_, nothing),) = found["gradients/w"]
    assert not nothing[:, 2].any()


def test_histograms_equal_those_that_tensorboard_makes_also_of_bfloat16(tmp_path):
    from ml_dtypes import bfloat16
    from tensorboard.plugins.histogram.summary_v2 import histogram_pb
    from tensorboard.util.tensor_util import make_ndarray

    for dtype in (bfloat16, np.float32):
        values = values_of(5)["activations/elu1"].astype(dtype)
        events.write(tmp_path, ROWS, {"activations/elu1": values})
        ((_, histogram),) = read(tmp_path / "tensorboard")["activations/elu1"]
        expected = make_ndarray(histogram_pb("", values).value[0].tensor)
        np.testing.assert_allclose(histogram, expected, atol=1e-12)


def test_epochs_that_are_written_again_are_there_once_and_earlier_histograms_stay(tmp_path):
    for rows, number in ((ROWS[:1], 1), (ROWS[:2], 2), (ROWS[:2], 3)):
        events.write(tmp_path, rows, values_of(number))
    events.write(tmp_path, ROWS[:2])  # continued within the third epoch
    found = read(tmp_path / "tensorboard")
    assert [step for step, _ in found["metrics/images"]] == [1, 2]
    shown = [(h[0, 0], h[-1, 1]) for _, h in found.get("activations/elu1", [])]
    values = [values_of(number)["activations/elu1"] for number in (1, 3)]
    assert shown == [(v.min(), v.max()) for v in values]


def test_of_a_run_that_went_back_to_an_earlier_epoch_the_later_ones_are_gone(tmp_path):
    events.write(tmp_path, ROWS)
    events.write(tmp_path, ROWS[:1])
    assert [step for step, _ in read(tmp_path / "tensorboard")["metrics/images"]] == [1]


def test_the_files_are_read_in_the_order_of_the_epochs(tmp_path):
    """TensorBoard goes from one to the next by name, and never back."""
    events.write(tmp_path, [ROWS[0]._replace(epoch=n) for n in (9, 10, 11, 100)])
    steps = [step for step, _ in read(tmp_path / "tensorboard")["metrics/images"]]
    assert steps == [9, 10, 11, 100]


def test_tensorboard_never_sees_half_a_file(tmp_path, monkeypatch):
    """It takes every file with tfevents in its name for one."""
    seen, replace = [], os.replace

    def watched(old, new):
        seen.append({path.name for path in (tmp_path / "tensorboard").iterdir()})
        replace(old, new)

    monkeypatch.setattr(os, "replace", watched)
    events.write(tmp_path, ROWS[:1])
    assert seen
    assert not any("tfevents" in name for names in seen for name in names)


@pytest.mark.parametrize("missing", ["tensorboard", "tensorboard.plugins.histogram.metadata"])
def test_without_the_library_it_says_what_to_install(monkeypatch, missing):
    for name in [name for name in sys.modules if name.startswith("tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UserError, match=r"pip install 'bnstudy\[tensorboard\]'$") as error:
        events.require()
    assert "\n" not in str(error.value)
