"""`bnstudy question`: one of the five questions, answered by measurement."""

import argparse
import os

from bnstudy.cli.configuration import Commands, at_least, path

DESCRIPTION = """\
Answer one of the five questions of the post: train what its plan lists and is not there yet, or
continue it, and print the verdict on each claim, by thresholds that were written down before the
runs. Published runs count where their configuration and seed are those of the plan. Writes
verdict.json and figure.png to logs/questions/."""
EXAMPLES = """\
examples:
  bnstudy question 5
  bnstudy question 3 --no-training                    what the runs that are there say
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
    add("number", metavar="N", type=at_least(1), help="1 to 5")
    add("--fresh", action="store_true", help="use no published runs; older ones are kept aside")
    add("--published", metavar="DIR", type=path, help="where published runs are [logs/published]")
    add("--no-training", action="store_true", help="judge what has finished")
    add("--jobs", metavar="N", type=at_least(1), default=1, help="runs at a time [1]")
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
        train=not options.no_training,
        write=options.write,
    )
    return answer(question(options.number), how)
