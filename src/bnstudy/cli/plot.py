"""`bnstudy plot`: draw the curves of one run, or of several overlaid."""

import argparse

from bnstudy.cli.configuration import Commands, path
from bnstudy.output import echo


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("plot", help="draw the curves of one run, or of several overlaid")
    parser.set_defaults(function=run)
    add = parser.add_argument
    add("run_folder", metavar="RUN_FOLDER", nargs="+", type=path)
    add(
        "--out",
        metavar="FILE",
        type=path,
        help="one figure of all runs, as .png, .pdf or .svg [comparison.png]",
    )
    add("--reference", action="store_true", help="add the author's own curves of 2018")


def run(options: argparse.Namespace) -> int:
    """Draw the figures and print their paths."""
    from bnstudy.plots import figures

    if options.out is None and len(options.run_folder) == 1 and not options.reference:
        written = figures.plot_run(options.run_folder[0])
    else:
        out = options.out or path("comparison.png")
        written = [figures.plot_comparison(options.run_folder, out, options.reference)]
    echo("\n".join(map(str, written)))
    return 0
