"""The figure of question 3."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnstudy.analysis.corruptions import SEVERITIES
from bnstudy.plots.style import COLORS, LINES, MARKERS, StyledFigure, style
from bnstudy.questions.find import load_file

SIX = load_file(Path(__file__).with_name("claims.py")).SIX
# Arm, statistics -> label, colour, line, marker.
CURVES = {
    ("bn", "precise"): ("batch norm, precise", COLORS[0], LINES[0], MARKERS[0]),
    ("bn", "batch"): ("batch norm, test batch", COLORS[0], LINES[1], "$\\circ$"),
    ("none", "moving"): ("without, as it is", COLORS[1], LINES[0], MARKERS[1]),
    ("none", "source"): ("without, brought back", COLORS[1], LINES[1], MARKERS[2]),
}
# Wang et al. 2021: error in percent by the statistics of training, of the test batch.
TENT = {
    "gaussian_noise": (72.3, 28.1),
    "shot_noise": (65.7, 26.1),
    "impulse_noise": (72.9, 36.3),
    "contrast": (46.7, 12.6),
    "fog": (26.0, 15.3),
    "pixelate": (58.5, 19.7),
    "brightness": (9.3, 8.4),
    "defocus_blur": (46.9, 12.8),
    "jpeg": (30.3, 27.3),
}


def draw(measured: dict[str, Any], claims: Sequence[Any]) -> Figure:
    """Return the figure: shift and its cure, batches, averages, time and memory."""
    runs = measured["runs"]
    with style():
        figure = StyledFigure(figsize=(7.2, 8.6), layout="constrained")
        above, middle, below = figure.subfigures(3, 1, height_ratios=(1.15, 1, 0.9))
        left, right = above.subplots(1, 2, width_ratios=(1, 1.15))
        _severities(left, runs)
        _gains(right, runs)
        left, right = middle.subplots(1, 2)
        _sizes(left, runs)
        _averages(right, runs)
        left, right = below.subplots(1, 2)
        _time(left, measured["bench"])
        _memory(right, measured["bench"])
        primary = next((claim for claim in claims if claim.primary), None)
        if primary is not None:
            title = f"Is the weakness batch norm's own (claim i c)? {primary.verdict.capitalize()}"
            figure.suptitle(title, fontsize=10)
    return figure


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, fontsize=9, loc="left")


def _over_seeds(runs: Mapping[str, Any], value: Callable[[Any], float]) -> np.ndarray:
    """Return a number of every seed; empty if there is none."""
    return np.array([value(run) for run in runs.values()])


def _error(scores: Mapping[str, float], severity: int) -> float:
    if not severity:
        return 1 - scores["clean"]
    return float(np.mean([1 - scores[f"{name} {severity}"] for name in SIX]))


def _severities(axes: Axes, runs: Mapping[str, Any]) -> None:
    """Draw the mean error over the six, by severity; the band is from seed to seed."""
    for (arm, kind), (label, color, line, marker) in CURVES.items():
        values = [
            [_error(run["overview"][kind], severity) for severity in (0, *SEVERITIES)]
            for run in runs.get(arm, {}).values()
        ]
        if values:
            errors = 100 * np.array(values)
            axes.plot(errors.mean(0), color=color, linestyle=line, marker=marker, label=label)
            axes.fill_between(range(6), errors.min(0), errors.max(0), color=color, alpha=0.15, lw=0)
    axes.set(xlabel="severity (0: clean images)", ylabel="error over the six (%)")
    axes.set_ylim(bottom=0)
    _legend(axes)
    _title(axes, "(a) corrupted images")


def _gains(axes: Axes, runs: Mapping[str, Any]) -> None:
    """Draw the gain under each corruption at severity 5."""
    arms = {
        "bn": ("batch norm: precise - test batch", "precise", "batch", COLORS[0], MARKERS[0]),
        "none": ("without: as it is - brought back", "moving", "source", COLORS[1], MARKERS[1]),
    }
    names: list[str] = []
    for arm, (label, before, after, color, marker) in arms.items():
        found = [run["overview"] for run in runs.get(arm, {}).values()]
        keys = [key for key in (found[0][after] if found else ()) if key.endswith(" 5")]
        names = names or [key.removesuffix(" 5") for key in keys]
        gains = 100 * np.array([[f[after][k] - f[before][k] for k in keys] for f in found])
        if found:
            axes.plot(
                gains.mean(0), range(len(keys)), color=color, marker=marker, ls="", label=label
            )
            axes.hlines(range(len(keys)), gains.min(0), gains.max(0), color=color, lw=1)
    published = [(np.subtract(*TENT[n]), at) for at, n in enumerate(names) if n in TENT]
    if published:
        values, places = zip(*published, strict=True)
        axes.plot(values, places, color="black", marker="x", ls="", label="Tent, WRN-28-10")
    axes.axvline(0, color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("error removed (points)")
    _legend(axes)
    _title(axes, "(b) severity 5: the gain")


def _sizes(axes: Axes, runs: Mapping[str, Any]) -> None:
    """Draw the accuracy by the size of the test batch."""
    found = list(runs.get("bn", {}).values())
    if found:
        sizes = sorted(map(int, found[0]["sizes"]))
        values = 100 * np.array([[run["sizes"][str(size)] for size in sizes] for run in found])
        axes.plot(sizes, values.mean(0), color=COLORS[0], marker=MARKERS[0], label="test batch")
        axes.fill_between(sizes, values.min(0), values.max(0), color=COLORS[0], alpha=0.15, lw=0)
        ordered = 100 * np.array([run["orders"]["of classes"] for run in found])
        axes.plot([128] * len(ordered), ordered, color=COLORS[0], marker="x", ls="",
                  label="classes in order")  # fmt: skip
        for kind, dashes in (("precise", "-"), ("moving", ":")):
            level = 100 * np.mean([run["deciding"][kind]["clean"] for run in found])
            axes.axhline(level, color="black", linewidth=0.9, linestyle=dashes, label=kind)
    without = [run["orders"]["of classes"] for run in runs.get("none", {}).values()]
    axes.plot([128] * len(without), 100 * np.array(without), color=COLORS[1], marker="+", ls="",
              label="... without, brought back")  # fmt: skip
    axes.set(xscale="log", xlabel="images per test batch", ylabel="accuracy, clean images (%)")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_ylim(bottom=0)
    _legend(axes, 0.28)
    _title(axes, "(c) how many images, and which")


def _averages(axes: Axes, runs: Mapping[str, Any]) -> None:
    """Draw how much accuracy the moving averages cost."""
    arms = {
        "batch 4": "batch\n4",
        "batch 16": "batch\n16",
        "batch 50": "batch\n50",
        "bn": "bn",
        "case b": "b, as\nposted",
        "case c": "c, as\nposted",
    }
    for place, arm in enumerate(arms):
        lag = 100 * _over_seeds(runs.get(arm, {}), lambda run: run["precise"] - run["moving"])
        posted = arm.startswith("case")
        axes.plot([place] * len(lag), lag, ls="", color=COLORS[posted], marker=MARKERS[posted])
    axes.axhline(1, color="black", linewidth=0.9, linestyle=":")
    axes.axhline(0, color="black", linewidth=0.9)
    axes.annotate("one point", (len(arms) - 0.55, 1), (0, 2), textcoords="offset points",
                  ha="right", fontsize=7)  # fmt: skip
    axes.set_xticks(range(len(arms)), arms.values(), fontsize=8)
    axes.set(ylabel="precise - moving (points)", xlim=(-0.5, len(arms) - 0.5))
    axes.grid(visible=False, axis="x")
    _title(axes, "(d) test accuracy that moving averages cost")


PARTS = {
    "statistics": ("statistics", COLORS[0], ""),
    "normalization": ("normalization", COLORS[5], "//"),
    "backward": ("backward pass", COLORS[1], ""),
    "update": ("update", COLORS[2], "xx"),
}


DRAWN = ("step_ms", "forward_ms", "inference_ms", "backward_ms", "update_ms", "peak_mb")


def parts_of_a_step(rows: Mapping[str, Mapping[str, float]], case: str) -> dict[str, float]:
    """Return by how many milliseconds the parts of a training step exceed those of case a.

    Normalization is the excess in inference, statistics that of the forward pass beyond it: the
    forward pass of training differs from inference in case a too (it keeps what backward needs).
    """
    own, without = rows[case], rows["case a"]
    measured = ("forward", "inference", "backward", "update")
    more = {name: own[f"{name}_ms"] - without[f"{name}_ms"] for name in measured}
    return {
        "statistics": more["forward"] - more["inference"],
        "normalization": more["inference"],
        "backward": more["backward"],
        "update": more["update"],
    }


def _rows(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rows in float32, by name."""
    return {row["name"]: row for row in results["rows"] if row["precision"] == "float32"}


def _benchmarks(bench: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the name and the rows of each benchmark that has the three cases, and the parts."""
    named = [(name, _rows(results)) for name, results in bench.items()]
    return [
        (name.removeprefix("cases_").replace("_", " "), rows)
        for name, rows in named
        if all(set(DRAWN) <= set(rows.get(f"case {case}", ())) for case in "abc")
    ]


def _time(axes: Axes, bench: Mapping[str, Any]) -> None:
    """Draw what the parts of a step take beyond those of case a, relative to its whole step."""
    labels: list[str] = []
    for name, rows in _benchmarks(bench):
        for case in ("case b", "case c"):
            left = 0.0
            for part, more in parts_of_a_step(rows, case).items():
                label, color, hatch = PARTS[part]
                share = 100 * max(more, 0) / rows["case a"]["step_ms"]
                axes.barh(len(labels), share, 0.65, left, color=color, hatch=hatch,
                          edgecolor="white", label=label)  # fmt: skip
                left += share
            labels.append(f"{case[-1]}, {name}")
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("time beyond case a's step (%)")
    _legend(axes, 0.34)
    _title(axes, "(e) time of a training step, float32")


def _memory(axes: Axes, bench: Mapping[str, Any]) -> None:
    """Draw the peak memory of each case."""
    labels: list[str] = []
    for name, rows in _benchmarks(bench):
        for case in ("case a", "case b", "case c"):
            color, hatch = (COLORS[1], "//") if case == "case a" else (COLORS[0], "")
            axes.barh(len(labels), rows[case]["peak_mb"], 0.65, color=color, hatch=hatch,
                      edgecolor="white")  # fmt: skip
            labels.append(f"{case[-1]}, {name}")
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("peak memory (MB)")
    _title(axes, "(f) memory")


def _legend(axes: Axes, below: float = 0.22) -> None:
    """Draw the legend below, each label once."""
    handles, names = axes.get_legend_handles_labels()
    each = {name: handle for handle, name in zip(handles, names, strict=True)}
    if each:
        axes.legend(
            each.values(),
            each.keys(),
            loc="upper center",
            bbox_to_anchor=(0.4, -below),
            ncols=2,
            fontsize=7,
            handlelength=2.5,
            columnspacing=1.2,
        )
