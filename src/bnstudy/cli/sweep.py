"""`bnstudy sweep`: many runs from one YAML plan."""

import argparse
import re

from bnstudy import cluster, sweep
from bnstudy.cli.configuration import Commands, add_jobs_and_scheduler, path
from bnstudy.errors import UserError
from bnstudy.output import echo
from bnstudy.sweep import overview
from bnstudy.sweep.plan import Run, select

DESCRIPTION = """\
Carry out all runs of a plan. Finished runs are skipped, unfinished ones continued, and a run that
fails does not stop the others. The exit code is 0 if all have finished, 2 if some could not be run
as configured, 1 if some failed, 130 if it was stopped."""
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

Several sweeps of one plan at the same time, on one machine or on several that share the folder,
share the work. See docs/scale.md for job arrays and clusters.
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
    add_jobs_and_scheduler(parser)
    add("--only", metavar="I", type=indices, help="one run, or several: 3-7 (see --list)")
    add("--fail-fast", action="store_true", help="stop at the first run that fails")
    add("--list", action="store_true", help="run nothing; print index, name, state and folder")
    add("--json", action="store_true", help="with --list: as JSON")


def run(options: argparse.Namespace) -> int:
    """Run what has not finished, or list what there is."""
    if options.json and not options.list:
        raise UserError("sweep: --json works only with --list; add --list or drop --json")
    if options.list:
        _refuse_options_of_runs(options)
    runs = select(sweep.load_plan(options.plan), options.only)
    if options.list:
        return list_runs(runs, as_json=options.json)
    if options.scheduler is not None:
        return cluster.run_plan(runs, options.scheduler, fail_fast=options.fail_fast)
    return sweep.run_plan(runs, options.jobs, fail_fast=options.fail_fast)


def _refuse_options_of_runs(options: argparse.Namespace) -> None:
    """Refuse what says how runs are made, where none is."""
    given = {
        "--scheduler": options.scheduler is not None,
        "--jobs": options.jobs != 1,
        "--fail-fast": options.fail_fast,
    }
    for option in (option for option, is_given in given.items() if is_given):
        raise UserError(f"sweep: --list runs nothing; drop {option} or --list")


def list_runs(runs: list[Run], *, as_json: bool) -> int:
    """Print the runs of a plan as they are at this moment."""
    for one in runs:
        overview.update_state(one)
    echo(overview.listing_as_json(runs) if as_json else overview.listing(runs))
    return 0


def indices(text: str) -> tuple[int, int]:
    """Return the first and the last index of an argument: "3" or "3-7"."""
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text, re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"must be an index or a range such as 3-7, got {text}")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise argparse.ArgumentTypeError(f"must begin with the smaller index, got {text}")
    return first, last
