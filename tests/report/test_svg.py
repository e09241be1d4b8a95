"""Figures as SVG in a page: one drawing for each panel, and the colours of the page."""

import re

import numpy as np
import pytest

from bnstudy.plots.figures import comparison_figure
from bnstudy.plots.style import COLORS
from bnstudy.report.figure import two_by_two
from bnstudy.report.report import make_report
from bnstudy.report.svg import PAGE_COLORS, Drawing, drawing
from bnstudy.run_folder.log import load_log

PANELS = ["Training accuracy (fraction)", "Test accuracy (fraction)"]
PANELS += ["Training cost (nats)", "Test cost (nats)"]


def svgs(drawn: Drawing) -> str:
    return "".join([*drawn.panels.values(), *drawn.legend.values()])


@pytest.fixture(scope="module")
def drawn():
    """What is drawn once for all tests: the logs of the runs, and their drawing."""
    return []


@pytest.fixture
def logs_and_curves(drawn, make_finished):
    """The curves of seven groups, as many as there are colours, beside the author's."""
    if not drawn:
        runs = [
            make_finished("a", seed, epochs, changes={"model.width": 1})
            for epochs in range(8, 1, -1)
            for seed in range(1 + (epochs == 8))
        ]
        logs = list(map(load_log, runs))
        drawn += [logs, drawing(comparison_figure(logs, True), 1)]
    return drawn


@pytest.fixture
def curves(logs_and_curves):
    return logs_and_curves[1]


def test_each_panel_is_a_drawing_of_its_own_under_its_title(curves):
    assert list(curves.panels) == PANELS
    for title, svg in curves.panels.items():
        assert svg.startswith('<svg viewBox="0 0 302.4 208.8" role="img"')
        assert re.search(rf'aria-label="{re.escape(title)}">\s*<title>{re.escape(title)}<', svg)
        assert ">epoch</text>" in svg
        assert svg.count("</text>") > 8  # the ticks, and the axis; text stays text
        assert "accuracy" not in re.sub("<title>.*?</title>", "", svg).split(">", 1)[1]


def test_each_panel_has_the_curves_of_its_quantity(logs_and_curves):
    logs, curves = logs_and_curves
    logs = [log for log in logs if len(log.metrics["epoch"]) == 8]
    columns = ("train_accuracy", "test_accuracy", "train_cost", "test_cost")
    for column, svg in zip(columns, curves.panels.values(), strict=True):
        drawn = re.search(r'<path d="([^"]+)"[^>]*style="fill: none; stroke: var\(--series-0', svg)
        height = np.array(re.findall(r"[ML] [\d.]+ ([\d.]+)", drawn[1]), float)
        mean = np.mean([log.metrics[column] for log in logs], axis=0)
        assert len(height) == 8
        assert np.corrcoef(height, mean)[0, 1] == pytest.approx(-1, abs=1e-9)  # down is positive


def test_the_lines_of_the_legend_are_those_of_the_curves(curves):
    assert len(curves.legend) == len(COLORS) + 2
    assert "training.epochs = 8, n = 2 (mean, min to max)" in curves.legend
    for color, svg in zip(COLORS, curves.legend.values(), strict=False):
        assert f"stroke: {PAGE_COLORS[color.lower()]}" in svg
        assert 'aria-hidden="true"' in svg
        assert re.search(r'<path d="M [^"]+L [^"]+" style="fill: none; stroke', svg)
    author = [svg for label, svg in curves.legend.items() if label.startswith("author 2018")]
    assert "stroke-dasharray" in author[0]
    assert "stroke: var(--author-0)" in author[0]
    assert "stroke: var(--author-1)" in author[1]


def test_every_colour_is_the_pages(curves):
    text = svgs(curves)
    assert re.findall(r"#[0-9a-f]{3,8}\b(?!-)(?=[;\"])", text) == []
    used = set(re.findall(r"var\(--[\w-]+\)|currentColor", text))
    assert used == set(PAGE_COLORS.values())


def test_a_drawing_says_nothing_about_the_page_around_it(curves):
    text = svgs(curves)
    assert not re.search(r"<style|<metadata|<\?xml|<!DOCTYPE|xmlns|font-family", text)


def test_ids_are_unique_on_a_page_and_every_reference_is_met(curves, make_finished):
    runs = [make_finished(arm, seed) for arm in "abcd" for seed in (0, 1)]
    design = make_report(runs).sections[0].design
    other = drawing(two_by_two(design), 2)
    assert list(other.panels) == [
        "Test accuracy, mean of epochs 17 to 21",
        "Training cost (nats), mean of epochs 1 to 21",
    ]
    text = svgs(curves) + svgs(other)
    ids = re.findall(r' id="([^"]+)"', text)
    references = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text)
    assert len(ids) == len(set(ids)) > 20
    assert {"".join(pair) for pair in references} == set(ids)
