"""`bnstudy question`: one of the five questions, answered by measurement."""

import argparse
import os

from bnstudy.cli.configuration import Commands, add_jobs_and_scheduler, at_least, path

DESCRIPTION = """\
Answer one of the five questions of the post: train or continue the runs of its plan that have not
finished, and print a verdict on each claim, by thresholds that were written down before the runs.
Published runs with the configuration and seed of a run in the plan are used in its place. Writes
verdict.json and figure.png to logs/questions/.

  1  Does batch norm regularize?
  2  What does batch norm gain?
  3  What does batch norm cost?
  4  Does it work because it keeps distributions stable (covariate shift)?
  5  What do moving averages do, and their bias correction?"""
EXAMPLES = """\
examples:
  bnstudy question 5
  bnstudy question 3 --no-training                    what the finished runs say
  bnstudy question 1 --fresh --jobs 2                 train everything here
"""


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "question",
        help="one of the post's five questions, answered by measurement",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=run)
    add = parser.add_argument
    add("number", metavar="N", type=at_least(1), help="the question, 1 to 5")
    add("--fresh", action="store_true", help="train everything; older runs are kept aside")
    add(
        "--published",
        metavar="DIR",
        type=path,
        help="where the published runs are [logs/published]",
    )
    add(
        "--no-training",
        action="store_true",
        help="judge the finished runs: evaluate, but do not train",
    )
    add_jobs_and_scheduler(parser)
    add("--data", metavar="PATH", help="where CIFAR-10 is: a folder or a file")
    add("--write", action="store_true", help="in a checkout: renew the verdict in experiments/")


def run(options: argparse.Namespace) -> int:
    """Answer the question."""
    from bnstudy.questions.answer import Options, answer
    from bnstudy.questions.find import question

    if options.data is not None:  # the runs and the evaluations look there
        os.environ["BNSTUDY_DATA"] = options.data
    how = Options(
        fresh=options.fresh,
        published=options.published,
        jobs=options.jobs,
        scheduler=options.scheduler,
        train=not options.no_training,
        write=options.write,
    )
    return answer(question(options.number), how)
