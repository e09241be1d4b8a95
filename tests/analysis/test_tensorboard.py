"""TensorBoard beside a run: what it shows is what was measured, and the run is as without it."""

import os
import signal
import sys

import numpy as np
import pytest
from kill_and_resume import differences
from tensorboard_helpers import read
from trained_helpers import config_of

import bnstudy
from bnstudy.analysis.probe import probe
from bnstudy.run_folder.log import COLUMNS

pytest.importorskip("tensorboard", reason="the extra is not installed")

CONFIG = config_of(
    "c",
    bn__placement="after_hidden_conv",
    training__batch_size=10,
    data__train_limit=25,
    checkpoint__keep_epochs=True,
)  # the batch norms' statistics must not move; three steps an epoch, two epochs


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """One run without TensorBoard, as if it were not installed; one with it, stopped between."""
    place = tmp_path_factory.mktemp("watched")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "tensorboard", None)
        bnstudy.run(CONFIG, place / "without")
    write = bnstudy.TensorBoard()

    def stop_after_the_first_epoch(folder, training):
        write(folder, training)
        if training.state.epoch == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(bnstudy.Interrupted, match="saved at step 4"):
        bnstudy.run(CONFIG, place / "with", watch=stop_after_the_first_epoch)
    bnstudy.run(CONFIG, place / "with", watch=write)
    return place / "without", place / "with"


@pytest.fixture(scope="module")
def found(folders):
    return read(folders[1] / "tensorboard")


def test_the_run_is_the_same_to_the_last_bit(folders):
    assert differences(*folders) == []
    assert not (folders[0] / "tensorboard").exists()


def test_every_epoch_of_the_log_is_there_once_with_the_same_numbers(folders, found):
    metrics = bnstudy.load_log(folders[1]).metrics
    for name in COLUMNS[1:]:
        assert [step for step, _ in found[f"metrics/{name}"]] == [1, 2]
        shown = [value for _, value in found[f"metrics/{name}"]]
        np.testing.assert_array_equal(shown, np.float32(metrics[name]))


def test_the_histograms_are_those_of_the_network_that_the_probe_sees(folders, found):
    snapshots = {s.epoch: s for s in probe(folders[1], images=10).snapshots}
    layers = {f"activations/{layer.name}" for layer in snapshots[2].layers}
    parameters = {f"gradients/{name}" for name in snapshots[2].gradients}
    assert {tag for tag in found if not tag.startswith("metrics/")} == layers | parameters
    for epoch in (1, 2):
        shown = {tag: dict(series)[epoch] for tag, series in found.items()}
        assert fits(shown, snapshots[epoch])
        assert not any(fits(shown, other) for e, other in snapshots.items() if e != epoch)


def fits(shown, snapshot):
    """Return whether histograms are possible for what the probe has found: size, mean, norm."""
    activations = all(
        shown[f"activations/{layer.name}"][:, 2].sum() == layer.counts.sum()
        and between(shown[f"activations/{layer.name}"], 1, layer.mean.mean())
        and between(
            shown[f"activations/{layer.name}"], 2, (layer.deviation**2 + layer.mean**2).mean()
        )
        for layer in snapshot.layers
    )
    return activations and all(
        between(shown[f"gradients/{name}"], 2, norm**2 / shown[f"gradients/{name}"][:, 2].sum())
        for name, norm in snapshot.gradients.items()
    )


def between(histogram, power, moment):
    """Return whether values in these buckets can have this mean of their powers."""
    left, right, counts = histogram.T
    ends = np.stack([left**power, right**power])
    least = np.where((power == 2) & (left * right < 0), 0, ends.min(axis=0))
    low, high = np.average([least, ends.max(axis=0)], axis=1, weights=counts)
    rounding = 1e-5 * (abs(low) + abs(high))
    return low - rounding <= moment <= high + rounding
