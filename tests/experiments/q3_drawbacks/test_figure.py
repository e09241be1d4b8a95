"""The figure of question 3: print-ready, reproducible, and drawn however little was measured."""

import filecmp

import matplotlib.image
import pytest

from bnstudy.plots.style import save
from bnstudy.questions.find import load_file


@pytest.fixture
def figure(analysis):
    return load_file(analysis.__file__.replace("analysis.py", "figure.py"))


@pytest.mark.thorough
def test_drawn_as_wide_as_a_page_and_twice_the_same(analysis, measured, rows, tmp_path):
    found = measured(bench={"here": {"file": "b.json", "network": {"width": 0.25}, "rows": rows}})
    for name in ("one.png", "two.png"):
        save(analysis.draw(found, analysis.judge(found)), tmp_path / name)
    assert filecmp.cmp(tmp_path / "one.png", tmp_path / "two.png", shallow=False)
    assert matplotlib.image.imread(tmp_path / "one.png").shape[1] == 7.2 * 200


def test_every_panel_shows_its_numbers(analysis, measured):
    found = measured()
    severities, gains, sizes, averages, *_ = analysis.draw(found, analysis.judge(found)).axes
    curves = {line.get_label(): list(line.get_ydata()) for line in severities.lines}
    assert curves["batch norm, precise"] == pytest.approx([25, 32, 39, 46, 53, 60])
    assert curves["without, brought back"][0] == pytest.approx(29)
    gain = {line.get_label(): line.get_xdata() for line in gains.lines}
    assert list(gain["batch norm: precise - test batch"]) == pytest.approx([30] * 12)
    assert gain["Tent, WRN-28-10"][0] == pytest.approx(72.3 - 28.1)
    by_size = {line.get_label(): line for line in sizes.lines}
    assert list(by_size["test batch"].get_xdata()) == [1, 2, 8, 32, 128, 1000]
    assert by_size["moving"].get_ydata()[0] == pytest.approx(55)
    assert list(averages.lines[0].get_ydata()) == pytest.approx([3, 3, 3])


@pytest.mark.parametrize("seeds", [0, 1])
def test_drawn_with_whatever_there_is(analysis, measured, seeds):
    found = measured(seeds=seeds)
    assert len(analysis.draw(found, analysis.judge(found)).axes) == 6


def test_a_step_is_split_into_its_parts(figure, rows):
    named = {row["name"]: row for row in rows}
    split = figure.parts_of_a_step(named, "case c")
    assert split == {"statistics": 1.5, "normalization": 2.0, "backward": 5, "update": 0}
    named["case a"]["inference_ms"] -= 0.75  # a forward pass of training takes longer there too
    again = figure.parts_of_a_step(named, "case c")
    assert again == {"statistics": 0.75, "normalization": 2.75, "backward": 5, "update": 0}
    assert sum(again.values()) == sum(split.values())


def test_benchmarks_that_do_not_split_a_step_are_not_drawn(analysis, measured, rows):
    whole = [{name: v for name, v in row.items() if name != "inference_ms"} for row in rows]
    network = {"width": 0.25}
    bench = {"cases_here": {"file": "b.json", "network": network, "rows": rows}}
    bench["here"] = {"file": "b.json", "network": network, "rows": whole}
    found = measured(bench=bench)
    *_, time, memory = analysis.draw(found, analysis.judge(found)).axes
    assert [label.get_text() for label in time.get_yticklabels()] == ["b, here", "c, here"]
    assert [bar.get_width() for bar in memory.patches] == [1100, 1120, 1110]
