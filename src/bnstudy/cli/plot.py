"""`bnstudy plot`: draw the curves of one run, or of several overlaid."""

import argparse
import sys
from pathlib import Path

from bnstudy.cli.configuration import Commands, at_least, path
from bnstudy.output import echo

DESCRIPTION = """\
Draw the curves of one run, or of several overlaid, finished or in progress. One run alone gets
train.png and test.png in its folder; anything else is one figure, comparison.png here unless --out
names it. A folder of run folders, such as a sweep's, stands for all that it holds. The paths of the
figures are printed, and a table of the last epoch on standard error."""
EXAMPLES = """\
examples:
  bnstudy plot logs/case-c_quick_seed-0                      train.png and test.png in that folder
  bnstudy plot logs/case-*_quick_seed-* --out quick.pdf      seeds: mean, and minimum to maximum
  bnstudy plot logs/rates --metric test_accuracy --metric test_cost --smooth 5
"""


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "plot",
        help="draw the curves of one run, or of several overlaid",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
    add(
        "--metric",
        metavar="NAME",
        action="append",
        help="a column of metrics.csv; repeat it for several [accuracy and cost]",
    )
    add(
        "--smooth",
        metavar="EPOCHS",
        type=at_least(1),
        default=1,
        help="running mean over an odd number of epochs, in front of the curve as measured [1]",
    )


def run(options: argparse.Namespace) -> int:
    """Draw the figures; print their paths, and the last epoch."""
    from bnstudy.plots import figures, style, summary
    from bnstudy.plots.panels import PANELS
    from bnstudy.plots.runs import load_runs

    if options.out is not None:
        style.check_suffix(options.out)
    metrics = figures.metrics_of(options.metric or PANELS)
    logs = load_runs(options.run_folder)
    chosen = options.out or options.reference or options.metric or options.smooth > 1
    if len(logs) == 1 and not chosen:
        written = figures.plot_run(logs[0].folder)
    else:
        figure = figures.comparison_figure(logs, options.reference, metrics, options.smooth)
        written = [style.save(figure, options.out or Path("comparison.png"))]
    echo("\n".join(summary.last_epochs(logs, metrics)), sys.stderr)
    echo("\n".join(map(str, written)))
    return 0
