"""Question 2: the figure shows what was measured."""

import pytest

from bnstudy.plots.style import save


def test_every_panel_shows_both_arms(analysis, measured, tmp_path):
    found = measured()
    figure = analysis.draw(found, analysis.judge(found))
    momentum, adam, rates, sharp, along, steps = figure.axes
    for axes in (momentum, adam, rates):
        labels = axes.get_legend_handles_labels()[1]
        assert labels == ["none", "BN"]
    assert steps.get_legend_handles_labels()[1] == ["none at 0.01", "BN at 0.1"]
    assert [line.get_ydata()[0] for line in sharp.lines] == [5, 30, 45]
    assert sharp.get_ylim() == pytest.approx((1, 100))
    assert len(along.lines) == 4
    assert [text.get_text() for text in rates.texts] == ["best, none", "best, BN", "small"]
    assert (
        "i a. batch norm permits larger rates, with momentum: replicates" in figure.get_suptitle()
    )
    assert save(figure, tmp_path / "figure.png").stat().st_size > 10_000


def test_a_cost_that_is_not_finite_is_marked(analysis, measured):
    found = measured()
    found["doubling"]["none"]["momentum"]["0"]["costs"][-1] = None
    figure = analysis.draw(found, analysis.judge(found))
    marks = [
        line for line in figure.axes[0].lines if line.get_marker() == "x" and len(line.get_xdata())
    ]
    (mark,) = marks
    assert mark.get_xdata()[0] == pytest.approx(0.005 * 2**7)


def test_equal_eigenvalues_that_are_a_power_of_ten_leave_an_axis(analysis, measured):
    found = measured()
    for seed in found["sharpness"].values():
        seed.update(dict.fromkeys(("none", "BN", "frozen"), 10.0))
    sharp = analysis.draw(found, analysis.judge(measured())).axes[3]
    assert sharp.get_ylim() == pytest.approx((10, 100))


def test_the_figure_can_be_drawn_before_there_are_runs(analysis, tmp_path):
    found = analysis.measure([])
    figure = analysis.draw(found, analysis.judge(found))
    assert save(figure, tmp_path / "figure.png").stat().st_size > 10_000
