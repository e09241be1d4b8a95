"""The tables of a report, in Markdown, CSV and JSON."""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnstudy.errors import UserError
from bnstudy.plots.groups import Group, differing_keys
from bnstudy.report import estimates
from bnstudy.report.estimates import Estimate
from bnstudy.report.runs import commits
from bnstudy.report.verdicts import Verdict
from bnstudy.run_folder.log import RESULT_COLUMNS, RunLog

# Column -> heading, of the last epoch. The gap is training - test accuracy, both as logged.
FIGURES = {
    "train_accuracy": "training accuracy",
    "test_accuracy": "test accuracy",
    "gap": "gap",
    "train_cost": "training cost (nats)",
    "test_cost": "test cost (nats)",
}


@dataclass(frozen=True)
class Row:
    """The results of one group: runs that differ in the seed alone.

    Attributes:
        label: what differs from the other groups.
        keys: the configuration's keys in which groups differ, with this group's values.
        seeds: of its runs.
        epochs: of each run.
        figures: column -> mean over the seeds, with its interval.
        hours: of training and tests of one run, on average; None if not known of all.
        images_per_second: on average; None if not known of all.
        precision: of activations and gradients.
        commits: that made the runs.
        runs: the names of the run folders.

    """

    label: str
    keys: dict[str, Any]
    seeds: tuple[int, ...]
    epochs: int
    figures: dict[str, Estimate]
    hours: float | None
    images_per_second: float | None
    precision: str
    commits: tuple[str, ...]
    runs: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return all attributes, for JSON; a missing interval is None."""
        figures = {
            name: {
                "mean": _finite(estimate.value),
                "standard_deviation": _finite(estimate.deviation),
                "low": _finite(estimate.low),
                "high": _finite(estimate.high),
            }
            for name, estimate in self.figures.items()
        }
        return vars(self) | {"figures": figures}


def rows(groups: Sequence[Group]) -> list[Row]:
    """Return a row for each group of finished runs."""
    keys = differing_keys([group.logs[0] for group in groups])
    return [_row(group, keys) for group in groups]


def _row(group: Group, keys: Sequence[str]) -> Row:
    logs = sorted(group.logs, key=lambda log: log.config.seed)
    flat, results = logs[0].config.flat(), [figures_of(log) for log in logs]
    ended = [log.result or {} for log in logs]
    seconds = _mean([result.get("total_seconds") for result in ended])
    return Row(
        label=group.label,
        keys={key: flat[key] for key in keys},
        seeds=tuple(log.config.seed for log in logs),
        epochs=logs[0].config.training.epochs,
        figures={name: estimates.mean([result[name] for result in results]) for name in FIGURES},
        hours=None if seconds is None else seconds / 3600,
        images_per_second=_mean([result.get("images_per_second") for result in ended]),
        precision=flat["training.precision"],
        commits=tuple(dict.fromkeys(commit for log in logs for commit in commits(log))),
        runs=tuple(log.folder.name for log in logs),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None where a value is not known."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def figures_of(log: RunLog) -> dict[str, float]:
    """Return the figures of a run's last epoch; NaN where it diverged."""
    last = {name: float(log.metrics[name][-1]) for name in RESULT_COLUMNS}
    diverged = "diverged_at_step" in (log.result or {})
    last = {n: math.nan if diverged or not np.isfinite(v) else v for n, v in last.items()}
    return last | {"gap": last["train_accuracy"] - last["test_accuracy"]}


def results_table(rows: Sequence[Row]) -> str:
    """Return the results in Markdown: of the last epoch, mean ± standard deviation over seeds."""
    head = ["runs", "n", *FIGURES.values()]
    cells = [
        [row.label, str(len(row.seeds)), *map(_plus_minus, row.figures.values())] for row in rows
    ]
    return markdown(head, cells)


def provenance_table(rows: Sequence[Row]) -> str:
    """Return in Markdown how the runs were made, and the interval of the test accuracy."""
    head = [
        "runs",
        "test accuracy, 95 % interval",
        "epochs",
        "precision",
        "hours",
        "images/s",
        "commit",
    ]
    cells = [
        [
            row.label,
            _interval(row.figures["test_accuracy"]),
            str(row.epochs),
            row.precision,
            "" if row.hours is None else f"{row.hours:.2f}",
            "" if row.images_per_second is None else f"{row.images_per_second:,.0f}",
            ", ".join(row.commits) or "unknown",
        ]
        for row in rows
    ]
    return markdown(head, cells)


def verdicts_table(verdicts: Iterable[Verdict]) -> str:
    """Return verdicts in Markdown; those on a benchmark have rounds in place of seeds."""
    verdicts = list(verdicts)
    timed = not any(verdict.seeds for verdict in verdicts)
    numbers = ["median (range of the rounds)"] if timed else ["value (95 % interval)", "n"]
    cells = [
        [
            verdict.number,
            verdict.claim,
            verdict.statistic,
            verdict.number_text() + (" (range)" if _is_range(verdict) and not timed else ""),
            *([] if timed else [_counts(verdict)]),
            verdict.verdict + (f": {verdict.why}" if verdict.why else ""),
        ]
        for verdict in verdicts
    ]
    return markdown(["#", "claim or question", "statistic", *numbers, "verdict"], cells)


def _is_range(verdict: Verdict) -> bool:
    """Return whether an interval is from the smallest to the largest value, over the seeds."""
    return verdict.interval is not None and not verdict.freedom


def _counts(verdict: Verdict) -> str:
    counts = {len(seeds) for seeds in verdict.seeds.values()}
    if len(counts) == 1:
        return str(counts.pop())
    return ", ".join(f"{arm} {len(seeds)}" for arm, seeds in verdict.seeds.items())


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(escaped, line)) + " |" for line in lines)


def escaped(text: str) -> str:
    """Return a text, such as a folder's name, in one line, without HTML or the end of a cell."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return text.replace("|", "&#124;" if "\\|" in text else "\\|")


def _plus_minus(estimate: Estimate) -> str:
    if np.isnan(estimate.value):
        return "diverged"
    spread = "" if np.isnan(estimate.deviation) else f" ± {estimate.deviation:.4f}"
    return f"{estimate.value:.4f}{spread}"


def _interval(estimate: Estimate) -> str:
    if np.isnan(estimate.value):
        return "diverged"
    known = not np.isnan(estimate.low)
    return f"{estimate.low:.4f} to {estimate.high:.4f}" if known else "one seed"


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def csv_table(rows: Sequence[Row]) -> str:
    """Return the results in CSV: a line per group, every number with all its digits."""
    if not rows:
        raise UserError("report: no run has finished, so there is nothing for a table in CSV")
    text = io.StringIO()
    writer = csv.DictWriter(
        text, fieldnames=list(next(iter(_flat_rows(rows)))), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(_flat_rows(rows))
    return text.getvalue()


def _flat_rows(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    for row in rows:
        values = row.as_json()
        yield {
            "runs": row.label,
            **row.keys,
            "n": len(row.seeds),
            "seeds": " ".join(map(str, row.seeds)),
            "epochs": row.epochs,
            **{
                f"{name}_{part}": number
                for name, parts in values["figures"].items()
                for part, number in parts.items()
            },
            "hours": row.hours,
            "images_per_second": row.images_per_second,
            "precision": row.precision,
            "commits": " ".join(row.commits),
        }
