"""A report: the table of all groups, and the verdicts on each design among the runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnstudy.errors import UserError
from bnstudy.plots.groups import Group
from bnstudy.report import tables
from bnstudy.report.arms import MEANING, Design, designs
from bnstudy.report.author import FIRST, beside_the_author
from bnstudy.report.claims import judge
from bnstudy.report.runs import Benchmark, read
from bnstudy.report.speed import judge_speed
from bnstudy.report.verdicts import NOT_COMPARABLE, Verdict
from bnstudy.run_folder.log import RunLog

AUTHOR = f"The largest difference to the author's own series of 2018, from epoch {FIRST} on."
NO_VERDICT = (
    "These runs decide no claim of the post: a claim compares two or more arms of one setting, most"
    " of them after 21 epochs."
)
SHOWN = ("results", "provenance", "verdicts")  # the parts of a report, as `--show` names them


@dataclass(frozen=True)
class Section:
    """The verdicts on one design, or of one benchmark."""

    title: str
    design: Design | None
    verdicts: list[Verdict]
    file: Path | None = None  # of a benchmark


@dataclass(frozen=True)
class Report:
    """What runs say.

    Attributes:
        groups: runs that differ in the seed alone.
        rows: the results of each group.
        sections: the verdicts.
        unfinished: runs without a result, which count nowhere.
        beside_author: the lines of a table, the first of which is the heading; none without runs of
            his kind.

    """

    groups: list[Group]
    rows: list[tables.Row]
    sections: list[Section]
    unfinished: list[RunLog]
    beside_author: list[list[str]]

    def markdown(self, shown: Sequence[str] = SHOWN) -> str:
        """Return the report in Markdown.

        Args:
            shown: its parts, of `SHOWN`.

        """
        parts = []
        if "results" in shown and self.rows:
            parts += [tables.results_table(self.rows), caption(self.rows)]
            if self.beside_author:
                head, *lines = self.beside_author
                parts += [tables.markdown(head, lines), AUTHOR]
        if "provenance" in shown and self.rows:
            parts.append(tables.provenance_table(self.rows))
        if "verdicts" in shown:
            parts += [part for section in self.sections for part in _section(section)]
            if not self.sections and self.groups:
                parts.append(NO_VERDICT)
        if self.unfinished:
            parts.append(tables.escaped(self.left_out()))
        return "\n\n".join(parts)

    def left_out(self) -> str:
        """Name the runs that have not finished, in a sentence; empty if there are none."""
        names = ", ".join(map(progress, self.unfinished))
        return f"Not finished, and counted nowhere: {names}." if names else ""

    def as_json(self) -> dict[str, Any]:
        """Return the whole report, for JSON."""
        return {
            "results": [row.as_json() for row in self.rows],
            "verdicts": [
                {"title": section.title, "verdicts": [v.as_json() for v in section.verdicts]}
                for section in self.sections
            ],
            "beside_author": self.beside_author,
            "unfinished": [log.folder.name for log in self.unfinished],
        }


def make_report(paths: Sequence[str | Path]) -> Report:
    """Read runs and judge them.

    Args:
        paths: run folders, folders of run folders, and files of `bnstudy bench --json`.

    Raises:
        UserError: there is no run below one of them, a run is damaged, two have the same
            configuration and seed, or a benchmark has no times of the three cases.

    """
    evidence = read(paths)
    logs = [log for group in evidence.groups for log in group.logs]
    compared = [design for design in designs(logs) if len(design.arms) > 1]
    sections = [
        Section(design.title, design, verdicts)
        for design in compared
        if any(map(_says_something, verdicts := list(judge(design))))
    ]
    sections += map(_speed, evidence.benchmarks)
    return Report(
        evidence.groups,
        tables.rows(evidence.groups),
        sections,
        evidence.unfinished,
        beside_the_author(logs),
    )


def _speed(benchmark: Benchmark) -> Section:
    verdicts = list(judge_speed(benchmark))
    if not verdicts:
        raise UserError(
            f"{benchmark.path} decides no claim about speed: in neither precision does it have the "
            "rounds (training_ms_by_round) of cases a, b and c, which `bnstudy bench --json` prints"
        )
    return Section(f"speed, {benchmark.path.name}", None, verdicts, benchmark.path)


def _says_something(verdict: Verdict) -> bool:
    """Return whether a run has the epochs that a claim needs, or diverged before."""
    return any(verdict.seeds.values()) or verdict.verdict == NOT_COMPARABLE


def caption(rows: Sequence[tables.Row]) -> str:
    """Say what the numbers of the table of results are."""
    epochs = sorted({row.epochs for row in rows})
    which = f"Epoch {epochs[0]} of {epochs[0]}" if len(epochs) == 1 else "The last epoch"
    several = any(len(row.seeds) > 1 for row in rows)
    spread = ": the mean over n seeds ± their standard deviation" if several else ""
    return (
        f"{which}{spread}. Training metrics are running means over the epoch in training mode; the "
        "gap is training - test accuracy."
    )


def _section(section: Section) -> list[str]:
    head = f"**{tables.escaped(section.title)}**"
    if section.design is not None:
        arms = [f"{arm}: {MEANING[arm]}" for arm in MEANING if arm in section.design.arms]
        head += f" ({'; '.join(arms)})"
    return [head, tables.verdicts_table(section.verdicts)]


def progress(log: RunLog) -> str:
    """Name a run that has not finished, and say how far it is."""
    return f"{log.folder.name} ({len(log.metrics['epoch'])} of {log.config.training.epochs} epochs)"
