"""Figures as SVG within a page: one drawing for each panel, in the colours of the page.

A panel by itself keeps its text readable on a phone, where a figure of four would shrink it.
"""

import io
import pickle
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from xml.etree import ElementTree

import matplotlib
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D

from bnstudy.plots.panels import REFERENCE
from bnstudy.plots.style import COLORS, style

PANEL, SWATCH = (4.2, 2.9), (0.5, 0.16)  # inches
# What matplotlib draws -> what page.css says, for a light and for a dark screen.
PAGE_COLORS = {
    **{color.lower(): f"var(--series-{i})" for i, color in enumerate(COLORS[:-1])},
    COLORS[-1]: "currentColor",
    "#ffffff": "var(--paper)",  # the rim of a marker
    "#e0e0e0": "var(--grid)",
    **{color: f"var(--author-{i})" for i, (_, color, _) in enumerate(REFERENCE.values())},
}
_NAMESPACE = re.compile(r"\{.*\}")
_REFERENCE_TO = re.compile(r"#([A-Za-z][\w.-]*)(?=\)|$)")  # url(#name) or a whole href
_COLOR = re.compile(r"#[0-9a-f]{6}\b")


@dataclass(frozen=True)
class Drawing:
    """A figure for a page.

    Attributes:
        panels: title -> SVG.
        legend: label -> SVG of its line.

    """

    panels: dict[str, str]
    legend: dict[str, str]


def drawing(figure: Figure, number: int) -> Drawing:
    """Return a figure in its panels, each a drawing of its own, and its legend.

    Args:
        figure: a panel's title is that of its column and the label of its vertical axis.
        number: of the figure on its page, for ids that no other figure has.

    """
    names = (f"figure-{number}-{i}-" for i in count(1))
    saved = pickle.dumps(figure)  # a panel is what is left of a copy
    return Drawing(
        {
            _title(figure, axes): _panel(pickle.loads(saved), i, _title(figure, axes), next(names))
            for i, axes in enumerate(figure.axes)
        },
        {label: _swatch(line, next(names)) for label, line in _legend(figure)},
    )


def _title(figure: Figure, axes: Axes) -> str:
    above = figure.axes[axes.get_subplotspec().colspan.start].get_title()  # type: ignore[union-attr]
    return " ".join(f"{above} {axes.get_ylabel()}".split()).capitalize()


def _panel(figure: Figure, index: int, title: str, name: str) -> str:
    """Return one panel of a figure as SVG; its title stands above it in the page."""
    kept = figure.axes[index]
    for part in (*figure.axes, *figure.legends, *figure.texts):
        if part is not kept:
            part.remove()
    with style():
        kept.set_subplotspec(GridSpec(1, 1, figure=figure)[0])
        kept.set_title("")
        kept.set_ylabel("")
        figure.suptitle("")
        figure.set_size_inches(PANEL)
        return _svg(figure, name, title)


def _legend(figure: Figure) -> Iterator[tuple[str, Line2D]]:
    """Yield each label of a figure with its line."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    for handle, label in zip(handles, labels, strict=True):
        line = handle[0] if isinstance(handle, ErrorbarContainer) else handle
        assert isinstance(line, Line2D)
        yield label, line


def _swatch(line: Line2D, name: str) -> str:
    """Return a short line in the style of another."""
    with style():
        figure = Figure(figsize=SWATCH)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 1), ylim=(-1, 1))
        axes.set_axis_off()
        (copy,) = axes.plot([0.04, 0.5, 0.96], [0, 0, 0])
        copy.update_from(line)
        copy.set_transform(axes.transData)
        copy.set_markevery([1])
        copy.set_clip_on(False)
        return _svg(figure, name)


def _svg(figure: Figure, name: str, label: str | None = None) -> str:
    """Return a figure as an SVG element of an HTML page.

    Args:
        figure: to be drawn.
        name: put before each id.
        label: for readers who do not see it; without one, it is a decoration.

    """
    text = io.StringIO()
    figure.__class__ = Figure  # a StyledFigure would return to its own style when it is drawn
    with matplotlib.rc_context({"svg.fonttype": "none"}):  # text stays text, in the page's font
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    root = ElementTree.fromstring(text.getvalue())
    _drop(root, ("metadata", "style"))
    elements = list(root.iter())
    used = {name for element in elements for name in _references(element)}
    for element in elements:
        element.tag = _NAMESPACE.sub("", element.tag)
        element.attrib = {
            _NAMESPACE.sub("", key): _REFERENCE_TO.sub(rf"#{name}\1", _recolored(value))
            for key, value in element.attrib.items()
            if key != "id" or value in used
        }
        if "id" in element.attrib:
            element.set("id", name + element.attrib["id"])
    root.attrib = {"viewBox": root.attrib["viewBox"]}
    root.attrib |= {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    if label:
        title = ElementTree.Element("title")
        title.text = label
        root.insert(0, title)
    return ElementTree.tostring(root, encoding="unicode")


def _drop(root: ElementTree.Element, tags: tuple[str, ...]) -> None:
    """Remove elements that would speak about the whole page, or about nothing."""
    for parent in list(root.iter()):
        for child in list(parent):
            if _NAMESPACE.sub("", child.tag) in tags:
                parent.remove(child)


def _references(element: ElementTree.Element) -> Iterator[str]:
    for value in element.attrib.values():
        yield from _REFERENCE_TO.findall(value)


def _recolored(value: str) -> str:
    """Return the value of an attribute with the page's colours, and without a font of its own."""
    value = re.sub(r"font-family: [^;]*;? ?", "", value)
    return _COLOR.sub(lambda color: PAGE_COLORS.get(color[0], color[0]), value)
