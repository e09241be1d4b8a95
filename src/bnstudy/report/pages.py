"""Tables in Markdown pages, renewed from the run folders that each names.

    <!-- report results verdicts: ../../logs/published/lite -->
    (written here)
    <!-- end of report -->

Paths are relative to the page.
"""

import re
from pathlib import Path

from bnstudy.errors import UserError
from bnstudy.output import echo
from bnstudy.report.report import SHOWN, make_report
from bnstudy.run_folder.files import write_text_atomic

START = re.compile(r"<!-- report (?P<shown>[^:>]*): (?P<paths>[^>]*?) -->")
END = "<!-- end of report -->"


def renewed(page: Path) -> str:
    """Return the text of a page with its tables made again.

    Args:
        page: a file in Markdown.

    Raises:
        UserError: it cannot be read, has no table to renew, or a mark in it is wrong.

    """
    try:
        text = _read(page)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"cannot read {page}: {getattr(error, 'strerror', None) or error}"
        ) from None
    marks = list(START.finditer(text))
    if not marks:
        raise UserError(f"{page} has no table to renew: no `<!-- report results: FOLDER -->` in it")
    parts, done = [], 0
    for mark in marks:
        end = text.find(END, mark.end())
        line = text.count("\n", 0, mark.start()) + 1
        if end < 0 or START.search(text, mark.end(), end):
            raise UserError(f"{page}, line {line}: no {END!r} follows")
        table = f"\n{_table(page, line, mark)}\n"
        newline = "\r\n" if text.startswith("\r\n", mark.end()) else "\n"
        parts += [text[done : mark.end()], table.replace("\n", newline)]
        done = end
    return "".join(parts) + text[done:]


def _table(page: Path, line: int, mark: re.Match[str]) -> str:
    shown, paths = mark["shown"].split(), mark["paths"].split()
    wrong = [name for name in shown if name not in SHOWN]
    if wrong or not shown or not paths:
        raise UserError(
            f"{page}, line {line}: must be `report`, some of {', '.join(SHOWN)}, a colon, and run "
            "folders"
        )
    return make_report([page.parent / path for path in paths]).markdown(shown)


def _read(page: Path) -> str:
    """Read a page with its ends of lines as they are."""
    return page.read_bytes().decode("utf-8")


def write(page: Path) -> None:
    """Renew the tables of a page, and say whether they have changed."""
    text = renewed(page)
    changed = text != _read(page)
    if changed:
        write_text_atomic(page, text)
    echo(f"{page}: {'renewed' if changed else 'up to date'}")
