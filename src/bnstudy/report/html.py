"""A report as one HTML file that needs nothing else: no network, no script, no other file.

The template page.html.j2 has the words and page.css the looks. Names of runs, labels and values of
the configuration are other people's text: the template escapes whatever is not marked as ours.
"""

import math
import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape

from bnstudy.errors import UserError
from bnstudy.plots.figures import comparison_figure
from bnstudy.plots.groups import common_title
from bnstudy.report.arms import ARMS, FOUR, MEANING
from bnstudy.report.author import of_the_authors_kind
from bnstudy.report.estimates import t_quantile
from bnstudy.report.figure import by_setting, has_four_arms, two_by_two
from bnstudy.report.measures import TEST_ACCURACY
from bnstudy.report.report import AUTHOR, Report, Section, caption, progress
from bnstudy.report.runs import commits
from bnstudy.report.svg import Drawing, drawing
from bnstudy.report.tables import FIGURES, figures_of
from bnstudy.report.verdicts import (
    DOES_NOT,
    NOT_COMPARABLE,
    NOT_JUDGED,
    REPLICATES,
    UNDECIDED,
    Verdict,
)
from bnstudy.run_folder.files import write_bytes_atomic
from bnstudy.run_folder.log import RunLog
from bnstudy.run_folder.provenance import starts

# Verdict -> its class in page.css; the answers to questions have a class of their own.
CLASSES = {
    REPLICATES: "yes",
    DOES_NOT: "no",
    UNDECIDED: "undecided",
    NOT_COMPARABLE: "none",
    NOT_JUDGED: "none",
}
VERSIONS = ("bnstudy", "python", "tensorflow", "keras", "numpy")  # of environment.json
_MINUS = re.compile(r"(?<![\w-])-(?=\d)")


def write_page(report: Report, paths: Sequence[Path], file: Path) -> None:
    """Write a report as an HTML page.

    Args:
        report: to be shown.
        paths: that it was made of, for the command at the foot of the page.
        file: the page; its links to the run folders are relative to where it is.

    Raises:
        UserError: it cannot be written.

    """
    if file.is_dir():
        raise UserError(f"cannot write {file}: it is a folder")
    text = page(report, paths, file)
    try:  # a name that is not UTF-8 is shown with its bytes, not refused
        write_bytes_atomic(file, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UserError(f"cannot write {file}: {error.strerror or error}") from None


def page(report: Report, paths: Sequence[Path], file: Path) -> str:
    """Return a report in HTML; see `write_page`."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bnstudy.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"minus": _minus, "typeset": _typeset, "plain": _plain}
    logs = [log for group in report.groups for log in group.logs]
    verdicts = [verdict for section in report.sections for verdict in section.verdicts]
    figures = list(_figures(report))
    where = _relative_to(file)
    return environment.get_template("page.html.j2").render(
        report=report,
        title=_title(report, figures),
        logs=logs,
        tally=_tally(verdicts),
        figures=figures,
        environments=_environments(logs),
        command=_command(paths, file, where),
        href=lambda folder: quote(os.fsencode(where(folder))),
        AUTHOR=AUTHOR,
        FIGURES=FIGURES,
        MEANING=MEANING,
        CLASSES=CLASSES,
        VERSIONS=VERSIONS,
        arms=[*FOUR, *(arm for arm in ARMS if arm not in FOUR)],
        caption=caption,
        progress=progress,
        figures_of=figures_of,
        folder_of=_folder_of,
        strip=_strip,
        t_quantile=t_quantile,
    )


def _relative_to(file: Path) -> Callable[[Path], str]:
    """Return the function from a path to the same, as seen from where a file is."""
    start = file.resolve().parent

    def where(path: Path) -> str:
        try:
            return Path(os.path.relpath(path.resolve(), start)).as_posix()
        except ValueError:  # on another drive of Windows
            return path.resolve().as_posix()

    return where


def _command(paths: Sequence[Path], file: Path, where: Callable[[Path], str]) -> str:
    """Return the command that makes the page, typed where the page is."""
    runs = [where(path) for path in paths]
    return shlex.join(["bnstudy", "report", *runs, "--html", where(file)])


def _title(report: Report, figures: Sequence[dict[str, Any]]) -> str:
    """Return what the page is about: the settings of the curves, else what was judged."""
    titles = [figure["title"] for figure in figures if figure["kind"] == "curves"]
    titles = titles or [section.title for section in report.sections] or ["no run has finished"]
    return "; ".join(titles)


def _tally(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """Return verdict -> how often it was given, in the order of CLASSES, then as they come."""
    words = [verdict.verdict for verdict in verdicts]
    order = [word for word in CLASSES if word in words]
    return {word: words.count(word) for word in dict.fromkeys([*order, *words])}


def _figures(report: Report) -> Iterator[dict[str, Any]]:
    """Yield the curves of each setting, and the 2 x 2 of each design that has all four arms."""
    number = 0
    for logs in by_setting([log for group in report.groups for log in group.logs]):
        number += 1
        reference = any(map(of_the_authors_kind, logs))
        drawn = drawing(comparison_figure(logs, reference), number)
        title = common_title(logs)
        yield {"kind": "curves", "title": title, **_markup(drawn), "reference": reference}
    for section in report.sections:
        design = section.design
        if design is not None and has_four_arms(design):
            number += 1
            drawn = drawing(two_by_two(design), number)
            counts = {arm: len(design.runs(arm, TEST_ACCURACY.epochs)) for arm in FOUR}
            yield {"kind": "2 x 2", "title": design.title, **_markup(drawn), "counts": counts}


def _markup(drawn: Drawing) -> dict[str, Any]:
    """Mark a drawing's SVG as ours, so that it is not escaped; its labels are."""
    return {
        "panels": {title: Markup(svg) for title, svg in drawn.panels.items()},
        "legend": {label: Markup(svg) for label, svg in drawn.legend.items()},
    }


def _environments(logs: Sequence[RunLog]) -> list[dict[str, Any]]:
    """Return what runs were made with, and the runs: one entry for each combination."""
    found: dict[tuple[Any, ...], list[RunLog]] = {}
    for log in logs:
        for entry in starts(log.folder) or [{}]:
            versions = entry.get("versions")
            versions = versions if isinstance(versions, dict) else {}
            names = [versions.get(name) for name in VERSIONS]
            commit = ", ".join(commits(log))
            key = (str(entry.get("cpu")), str(entry.get("cores")), commit, *map(str, names))
            runs = found.setdefault(key, [])
            if log not in runs:
                runs.append(log)
    return [
        {"cells": ["unknown" if cell in ("None", "") else cell for cell in key], "logs": runs}
        for key, runs in found.items()
    ]


def _folder_of(section: Section, arm: str, seed: int) -> Path:
    """Return the folder of the run behind a value of a verdict."""
    assert section.design is not None  # only its verdicts have values
    return section.design.arms[arm][seed].folder


def _strip(verdict: Verdict) -> dict[str, float] | None:
    """Return where value, interval and threshold lie on a strip of width 100; None without one."""
    if verdict.value is None or verdict.interval is None:
        return None
    threshold = verdict.threshold or 0.0
    ends = [*verdict.interval, verdict.value, threshold]
    low, span = min(ends), max(ends) - min(ends) or 1.0
    places = zip(("low", "high", "value", "threshold"), ends, strict=True)
    return {name: round(4 + 92 * (end - low) / span, 2) for name, end in places}


def _typeset(text: str) -> Markup:
    """Return a sentence or a formula with its minus signs, ellipses and commands set as such."""
    text = text.replace(" - ", "\N{NO-BREAK SPACE}\N{MINUS SIGN}\N{NO-BREAK SPACE}")
    text = _MINUS.sub("\N{MINUS SIGN}", text).replace("...", "\N{HORIZONTAL ELLIPSIS}")
    return Markup(re.sub(r"`(.+?)`", r"<code>\1</code>", str(escape(text))))


def _plain(value: float | None, digits: int = 4) -> str:
    """Return a number with its decimals; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    return _MINUS.sub("\N{MINUS SIGN}", f"{value:,.{digits}f}")


def _minus(number: str) -> str:
    return _MINUS.sub("\N{MINUS SIGN}", number)
