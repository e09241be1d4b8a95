"""The picture of a probe shows its numbers."""

import filecmp

import numpy as np
import pytest
from trained_helpers import config_of, write_finished_run

from bnstudy.analysis.activations import EDGES, LayerStatistics
from bnstudy.analysis.probe import Probe, Snapshot
from bnstudy.analysis.probe_figure import probe_figure
from bnstudy.plots.style import save
from bnstudy.run_folder.log import load_log


def made_up(epochs, tmp_path):
    random, snapshots = np.random.default_rng(6), []
    for epoch in epochs:
        layers, gradients = [], {}
        for row in range(1, 10):
            counts = random.integers(1, 50, len(EDGES) - 1)
            conv = LayerStatistics(f"conv{row}", np.zeros(3), np.ones(3), counts, None, None)
            dead = 0.25 if row == 3 else 0.0
            elu = LayerStatistics(f"elu{row}", *conv[1:3], counts[::-1], 0.01 * (row + epoch), dead)
            layers += [conv, elu]
            gradients |= {f"conv{row}/w": 10.0 ** (-row - epoch), f"bn{row}/gamma": 7.0}
        snapshots.append(Snapshot(epoch, layers, gradients))
    log = load_log(write_finished_run(tmp_path / "run", config_of("c")))
    return Probe(log, 1200, snapshots)


@pytest.fixture
def found(tmp_path):
    return made_up([0, 1, 2, 3, 4, 5, 6], tmp_path)


def test_lines_are_the_first_the_last_and_two_between(found):
    _, saturation, gradients = probe_figure(found).axes
    assert [text.get_text() for text in saturation.get_legend().get_texts()] == [
        *("before training", "epoch 2", "epoch 4", "epoch 6")
    ]
    for line, epoch in zip(gradients.lines, (0, 2, 4, 6), strict=True):
        np.testing.assert_allclose(line.get_ydata(), [10.0 ** (-r - epoch) for r in range(1, 10)])
    shares, dead = saturation.lines[2:4]
    np.testing.assert_allclose(shares.get_ydata(), [r + 2 for r in range(1, 10)])
    drawn = [(x, y) for x, y in zip(*dead.get_data(), strict=True) if np.isfinite(y)]
    assert drawn == [(3, 25)]


def test_histograms_are_those_of_the_elus_at_the_end_and_before(found):
    axes = probe_figure(found).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        f"elu{row}" for row in range(9, 0, -1)
    ]
    assert len(axes.patches) == 18
    inside = (EDGES[:-1] > -1.25) & (EDGES[:-1] < 3.95)
    for patch, snapshot in ((axes.patches[0], -1), (axes.patches[1], 0)):
        elu9 = found.snapshots[snapshot].layers[-1]
        values, edges, baseline = patch.get_data()
        share = elu9.counts[inside] / elu9.counts[inside].max()
        np.testing.assert_allclose(values - baseline, 0.85 * np.sqrt(share))
        np.testing.assert_allclose(edges[[0, -1]], [-1.2, 4.0], atol=1e-9)


def test_one_snapshot_is_enough_and_the_file_is_the_same_every_time(tmp_path):
    found = made_up([0], tmp_path)
    first, second = (save(probe_figure(found), tmp_path / f"{name}.png") for name in "ab")
    assert filecmp.cmp(first, second, shallow=False)
    title = probe_figure(found).get_suptitle()
    assert "seed 0, 1,200 training images" in title
    assert "own BN" in title
