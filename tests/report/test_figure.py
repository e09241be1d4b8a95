"""The figures of a report."""

import filecmp

import numpy as np
import pytest

from bnstudy.errors import UserError
from bnstudy.report import figure
from bnstudy.report.estimates import contrast
from bnstudy.report.measures import AREA, TEST_ACCURACY
from bnstudy.report.report import make_report
from bnstudy.run_folder.files import write_json
from bnstudy.run_folder.log import load_log


@pytest.fixture
def report(make_finished, tmp_path):
    for arm in "abcd":
        for seed in range(2):
            make_finished(arm, seed)
    return make_report([tmp_path])


def test_the_two_by_two_shows_means_intervals_and_seeds(report):
    (section,) = report.sections
    drawn = figure.two_by_two(section.design)
    assert drawn.get_suptitle() == "CIFAR-10, width 0.25, n = 2"
    for axes, measure in zip(drawn.axes, (TEST_ACCURACY, AREA), strict=True):
        values = {
            arm: [measure.of(log) for log in section.design.arms[arm].values()] for arm in "abcd"
        }
        for container, arms in zip(axes.containers, ("ab", "dc"), strict=True):
            line, _, (bars,) = container.lines
            estimates = [contrast(values, {arm: 1.0}, "abcd") for arm in arms]
            assert line.get_ydata() == pytest.approx([e.value for e in estimates])
            ends = [segment[:, 1] for segment in bars.get_segments()]
            assert np.ravel(ends) == pytest.approx([v for e in estimates for v in (e.low, e.high)])
        seeds = [line.get_ydata() for line in axes.lines if line.get_alpha() == 0.4]
        assert [list(points) for points in seeds] == [values[arm] for arm in "abdc"]
    assert [text.get_text()[:7] for text in drawn.legends[0].get_texts()] == ["Adam: m", "AMSGrad"]


def test_where_there_is_no_interval_none_is_drawn(make_finished, tmp_path):
    for arm in "abcd":
        make_finished(arm, 0)
    (section,) = make_report([tmp_path]).sections
    drawn = figure.two_by_two(section.design)
    for axes in drawn.axes:
        for container in axes.containers:
            _, _, (bars,) = container.lines
            assert not [segment for segment in bars.get_segments() if len(segment)]
    assert drawn.legends[0].get_texts()[0].get_text() == "Adam: mean; pale: single seeds"


def test_a_cost_that_is_not_finite_takes_the_interval_of_its_own_arm_alone(
    make_finished, report, tmp_path
):
    make_finished("d", 2, train_cost=np.nan)
    (section,) = make_report([tmp_path]).sections
    _, costs = figure.two_by_two(section.design).axes
    drawn = [len([s for s in c.lines[2][0].get_segments() if len(s)]) for c in costs.containers]
    assert drawn == [2, 1]


def test_a_design_with_a_run_that_diverged_has_no_two_by_two(report, make_finished, tmp_path):
    folder = make_finished("d", 2, epochs=3)
    write_json(folder / "result.json", {**load_log(folder).result, "diverged_at_step": 7})
    written = figure.draw(make_report([tmp_path]), tmp_path / "figures")
    assert [path.name for path in written] == ["curves.png"]


def test_figures_are_drawn_where_there_are_runs_for_them(report, make_finished, tmp_path):
    written = figure.draw(report, tmp_path / "new/figures")
    assert [path.name for path in written] == ["curves.png", "two_by_two.png"]
    again = figure.draw(report, tmp_path / "again")
    assert all(filecmp.cmp(*pair, shallow=False) for pair in zip(written, again, strict=True))
    incomplete = make_report([section.design.arms["a"][0].folder for section in report.sections])
    assert [path.name for path in figure.draw(incomplete, tmp_path)] == ["curves.png"]


@pytest.mark.thorough
def test_each_complete_design_has_its_own_figure(report, make_finished, tmp_path):
    for arm in "abcd":
        make_finished(arm, 0, changes={"model.width": 0.5})
    written = figure.draw(make_report([tmp_path]), tmp_path)
    assert [path.name for path in written[2:]] == ["two_by_two_1.png", "two_by_two_2.png"]


def test_nothing_to_draw(make_run, tmp_path):
    make_run("runs/half", epochs=4, case="b", presets=["lite"])
    with pytest.raises(UserError, match="nothing to draw: no run has finished"):
        figure.draw(make_report([tmp_path]), tmp_path)


def test_each_setting_has_its_own_curves(make_finished, tmp_path):
    for width in (0.25, 1.0):
        make_finished("a", 0, changes={"model.width": width})
    logs = [log for group in make_report([tmp_path]).groups for log in group.logs]
    assert [len(same) for same in figure.by_setting(logs)] == [1, 1]
    written = figure.draw(make_report([tmp_path]), tmp_path / "figures")
    assert [path.name for path in written] == ["curves_1.png", "curves_2.png"]
