"""`bnstudy report`: tables over the seeds, the verdicts on the post's claims, and pages."""

import argparse
import json
import sys

from bnstudy.cli.configuration import Commands, path
from bnstudy.errors import UserError
from bnstudy.output import echo

DESCRIPTION = """\
Group finished runs by everything but the seed; print their last epoch, and the verdict on each
claim of the post that they can decide. RUN_FOLDER is a run folder, a folder that holds some, or a
file of `bnstudy bench --json`, for the claims about speed."""
EXAMPLES = """\
examples:
  bnstudy report logs/published/lite
  bnstudy report logs/published/lite logs/published/bench/cases_lite.json --show verdicts
  bnstudy report logs/mine-* --format csv > mine.csv
  bnstudy report logs/published/lite --figures figures
  bnstudy report logs/published/lite --html report.html
  bnstudy report --write README.md            renew the tables between its <!-- report ... --> marks
"""


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "report",
        help="tables over the seeds, and the verdicts on the post's claims",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=run)
    add = parser.add_argument
    add("run_folder", metavar="RUN_FOLDER", nargs="*", type=path)
    add("--format", choices=["markdown", "csv", "json"], default="markdown", help="[markdown]")
    add(
        "--show",
        choices=["results", "provenance", "verdicts"],
        action="append",
        help="in Markdown, this part alone; may be repeated [all]",
    )
    add("--figures", metavar="FOLDER", type=path, help="draw the figures into this folder")
    add("--html", metavar="FILE", type=path, help="write one page for a browser instead")
    add(
        "--write",
        metavar="PAGE",
        type=path,
        nargs="+",
        help="renew the tables in Markdown pages instead; each says of which runs",
    )


def run(options: argparse.Namespace) -> int:
    """Print the report, draw its figures, or renew pages."""
    if options.write:
        return _write(options)
    if not options.run_folder:
        raise UserError("report: give at least one RUN_FOLDER, or --write PAGE")
    from bnstudy.report import report as reports
    from bnstudy.report import tables

    if options.html:
        _check_html(options)
    elif options.show and options.format != "markdown":
        raise UserError("report: --show is for Markdown alone")
    report = reports.make_report(options.run_folder)
    if options.html:
        from bnstudy.report.html import write_page

        write_page(report, options.run_folder, options.html)
        echo(f"written: {options.html}")
    elif options.format == "json":
        echo(json.dumps(report.as_json(), indent=1, ensure_ascii=False, allow_nan=False))
    elif options.format == "csv":
        echo(tables.csv_table(report.rows).rstrip("\n"))
        if report.unfinished:
            echo(report.left_out(), sys.stderr)
    else:
        echo(report.markdown(options.show or reports.SHOWN))
    if options.figures:
        from bnstudy.report.figure import draw

        for written in draw(report, options.figures):
            echo(f"drawn: {written}", sys.stderr)  # standard output is the report's
    return 0


def _check_html(options: argparse.Namespace) -> None:
    """Refuse what a page cannot be."""
    if options.show or options.format != "markdown":
        raise UserError("report: --html writes a page of everything, without --show and --format")
    name = options.html
    if name.suffix not in (".html", ".htm") and not name.is_dir():  # no log is overwritten
        raise UserError(f"report: --html needs the name of a file that ends in .html, not {name}")


def _write(options: argparse.Namespace) -> int:
    """Renew the tables of pages."""
    if (
        options.run_folder
        or options.figures
        or options.html
        or options.show
        or options.format != "markdown"
    ):
        raise UserError("report: --write takes pages alone; each says of which runs its tables are")
    from bnstudy.report import pages

    for page in options.write:
        pages.write(page)
    return 0
