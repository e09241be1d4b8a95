"""The panels: limits, ticks, and that everything drawn is seen."""

import numpy as np
import pytest

from bnstudy.plots.figures import comparison_figure, run_figure
from bnstudy.plots.panels import PANELS
from bnstudy.run_folder.log import load_log


def logs_of(*folders):
    return [load_log(folder) for folder in folders]


def test_epoch_ticks_are_integers_and_one_epoch_shows_a_marker(make_run):
    for epochs in (1, 2, 21):
        log = load_log(make_run(f"run{epochs}", case="a", overrides={"training.epochs": epochs}))
        for axes in run_figure(log, "train").axes:
            low, high = axes.get_xlim()
            ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
            assert ticks
            assert all(tick == int(tick) and tick >= 1 for tick in ticks)
            line = axes.lines[0]
            assert line.get_marker() == "o"
            assert line.get_markevery() == (0, 1)


def test_no_axis_reaches_beyond_what_is_possible(make_run):
    perfect = {"train_accuracy": 1.0, "train_cost": 0.0}
    log = load_log(make_run("run", case="a", change=perfect))
    accuracy, cost = run_figure(log, "train").axes
    assert [tick for tick in accuracy.get_yticks() if 1 < tick <= accuracy.get_ylim()[1]] == []
    assert accuracy.get_ylim()[1] > 1  # the line itself is not cut
    assert [tick for tick in cost.get_yticks() if cost.get_ylim()[0] <= tick < 0] == []
    assert cost.get_ylim()[0] < 0


def test_no_panel_hides_a_part_of_a_line_or_a_band(make_run):
    """Perfect training bounds the shared axis from above, and a bad test run must still be seen."""
    perfect = {"train_accuracy": 1.0, "train_cost": 0.0}
    bad = perfect | {"test_accuracy": 0.08, "test_cost": 9.0}
    folders = [
        make_run("s0", case="c", change=perfect),
        make_run("s1", case="c", change=bad, overrides={"seed": 1}),
    ]
    figure = comparison_figure(logs_of(*folders))
    for axes, column in zip(figure.axes, PANELS, strict=True):
        bottom, top = axes.get_ylim()
        for log in logs_of(*folders):
            assert bottom <= log.metrics[column].min(), column
            assert log.metrics[column].max() <= top, column


def test_one_epoch_of_several_seeds_shows_its_range(make_run):
    logs = logs_of(*[make_run(f"s{s}", epochs=1, case="a", overrides={"seed": s}) for s in (0, 1)])
    axes = comparison_figure(logs).axes[1]
    (_, bar) = axes.collections
    low, high = sorted(log.metrics["test_accuracy"][0] for log in logs)
    np.testing.assert_array_equal(bar.get_segments()[0], [[1, low], [1, high]])


@pytest.mark.parametrize(
    ("metric", "label"),
    [(PANELS, "cost (nats, log scale)"), ("test_cost", "test cost (nats, log scale)")],
)
def test_a_cost_that_spans_decades_has_a_log_scale_and_says_so(make_run, metric, label):
    log = load_log(make_run("run", case="a"))
    log.metrics["test_cost"] = 2 * 0.7 ** np.arange(21)
    axes = comparison_figure([log], metric=metric).axes[-1]
    assert (axes.get_yscale(), axes.get_ylabel()) == ("log", label)
    log.metrics["test_cost"] = np.linspace(3, 0.2, 21)
    assert comparison_figure([log], metric=metric).axes[-1].get_yscale() == "linear"
