"""`bnstudy sweep`: many runs from one YAML plan."""

import argparse

from bnstudy.cli.configuration import Commands, at_least, path

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
