"""`bnstudy sweep`: many runs from one YAML plan."""

import argparse

from bnstudy.cli.configuration import Commands, at_least, path

DESCRIPTION = """\
Make all runs of a plan. Finished runs are skipped, unfinished ones continued, and a run that fails
does not stop the others. The exit code is 0 if all have finished, 2 if some could not be run as
configured, 1 if some failed, 130 if it was stopped."""
PLAN = """\
a plan:
  out: logs/rates                 where the run folders go, from the current folder [logs]
  grid:                           every combination
    case: [a, b]
    preset: [lite]
    seed: [0, 1, 2]
    optimizer.learning_rate: [3.0e-4, 3.0e-3]
  runs:                           and any others
    - {case: c, preset: [lite, as_posted], name: as-posted}
"""


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "sweep",
        help="many runs from one YAML plan",
        description=DESCRIPTION,
        epilog=PLAN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=run)
    add = parser.add_argument
    add("plan", metavar="PLAN.yaml", type=path)
    add("--jobs", metavar="N", type=at_least(1), default=1, help="runs at a time [1]")


def run(options: argparse.Namespace) -> int:
    """Run what has not finished."""
    from bnstudy import sweep

    return sweep.run_plan(sweep.load_plan(options.plan), options.jobs)
