"""Verdicts for reading: the table of a question, its answer, and the pages that show them."""

import re
from collections.abc import Sequence
from pathlib import Path

from bnstudy.errors import UserError
from bnstudy.questions.claims import OPEN, Claim
from bnstudy.questions.find import Question
from bnstudy.run_folder.files import write_text_atomic

MOST_NAMES = 8  # of claims in an answer; more are counted
HEAD = "| claim | value | interval | threshold | verdict |\n| --- | --- | --- | --- | --- |"


def table(claims: Sequence[Claim]) -> str:
    """Return the claims as a table in Markdown; the primary claim is in bold."""
    return "\n".join([HEAD, *map(_row, claims)])


def _row(claim: Claim) -> str:
    value, interval = (_number(claim.value) if claim.value is not None else ""), ""
    if claim.interval is not None:
        interval = " to ".join(map(_number, claim.interval))
    name = f"**{claim.name}**" if claim.primary else claim.name
    return f"| {name} | {value} | {interval} | {claim.threshold} | {_verdict(claim)} |"


def _verdict(claim: Claim) -> str:
    return f"{claim.verdict} ({claim.reason})" if claim.reason else claim.verdict


def _number(value: float) -> str:
    """Return four digits that count; of large and whole numbers, those before the point."""
    whole = abs(value) >= 10 and float(value).is_integer()
    return f"{value:,.0f}" if abs(value) >= 10_000 or whole else f"{value:#.4g}".rstrip(".")


def answer(question: Question, claims: Sequence[Claim]) -> str:
    """Return the answer to a question in a few lines of Markdown.

    The primary claim with its numbers, the others by their verdicts, what is missing, the figure.
    """
    lines = []
    for claim in claims:
        if claim.primary:
            value = "" if claim.value is None else f" {_number(claim.value)}"
            if claim.interval is not None:
                value += f" ({' to '.join(map(_number, claim.interval))})"
            lines.append(f"- **{claim.name}**:{value and value + ';'} ")
            lines[-1] += f"measured: {claim.statistic}; threshold: {claim.threshold}. "
            lines[-1] += f"Verdict: **{_verdict(claim)}**."
    for verdict in dict.fromkeys(claim.verdict for claim in claims):
        names = [claim.name for claim in claims if claim.verdict == verdict and not claim.primary]
        if names:
            named = f": {'; '.join(names)}" if len(names) <= MOST_NAMES else ""
            others = "1 other claim" if len(names) == 1 else f"{len(names)} other claims"
            lines.append(f"- {verdict} ({others}){named}.")
    if missing := sum(claim.verdict == OPEN for claim in claims):
        what = f"{missing} of {len(claims)} claims"
        command = f"`bnstudy question {question.number}`"
        lines.append(f"- Runs or measurements are missing for {what}; {command} makes them.")
    folder = f"../experiments/{question.name}"
    page = f"[All numbers, and what they do not show]({folder}/README.md)"
    return "\n".join([*lines, "", page, "", f"![{question.title}]({folder}/figure.png)"])


def renew(page: Path, mark: str, text: str) -> bool:
    """Write a text between `<!-- mark -->` and `<!-- end of mark -->` in a page.

    Returns:
        Whether the page has changed.

    Raises:
        UserError: the page is not there, or has no such marks.

    """
    start, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    old = page.read_text(encoding="utf-8") if page.is_file() else ""
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(old):
        raise UserError(f"{page} has no `{start}` with `{end}` below it")
    new = pattern.sub(lambda _: f"{start}\n{text}\n{end}", old)
    if new != old:
        write_text_atomic(page, new)
    return new != old
