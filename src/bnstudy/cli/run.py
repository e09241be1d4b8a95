"""`bnstudy run`: train one case and leave a run folder."""

import argparse
from pathlib import Path

import bnstudy
from bnstudy.cli.configuration import Commands, add_set_and_data, changes_of, path
from bnstudy.config.load import load_config
from bnstudy.config.schema import Config
from bnstudy.errors import UserError
from bnstudy.interrupts import stop_with_starter
from bnstudy.output import echo
from bnstudy.run_folder.name import run_name

DESCRIPTION = """\
Train one case and leave a run folder: metrics, figures, the trained network and checkpoints. Repeat
the command to continue a run that was stopped, or with more training.epochs to extend one."""
EXAMPLES = """\
examples:
  bnstudy run --case c --preset quick             built-in digits, minutes
  bnstudy run --case c --preset lite              all of CIFAR-10, a quarter of the width
  bnstudy run --case c                            as the post describes it, hours
  bnstudy run --case a --preset quick --set optimizer.learning_rate=0.02 --out logs/a-fast"""
TENSORBOARD = (
    "let TensorBoard show metrics, activations and gradients (tensorboard --logdir logs); "
    "needs pip install 'bnstudy[tensorboard]'"
)


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "run",
        help="train one case and leave a run folder",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=run)
    add = parser.add_argument
    add("--case", metavar="CASE", help="a: no batch norm; b: the framework's; c: our own, by hand")
    add_set_and_data(parser)
    add("--config", metavar="FILE", type=path, help="YAML with the keys that you change")
    add("--out", metavar="DIR", type=path, help="run folder [logs/case-CASE_PRESET_seed-N]")
    add("--seed", metavar="N", type=int, help="same as --set seed=N")
    add("--fresh", action="store_true", help="start over; the old folder is kept aside")
    add("--tensorboard", action="store_true", help=TENSORBOARD)


def run(options: argparse.Namespace) -> int:
    """Train, or report a run that has finished."""
    stop_with_starter()
    config = config_of(options)
    from bnstudy.run_folder import events  # NumPy: not for a wrong argument
    from bnstudy.run_folder.folder import finished_result
    from bnstudy.run_folder.log import read_metrics

    folder = options.out or Path("logs") / run_name(config, options.preset, options.config)
    watch = bnstudy.TensorBoard() if options.tensorboard else None
    finished = None if options.fresh else finished_result(folder, config)
    if finished and watch:
        events.write(folder, read_metrics(folder / "metrics.csv"))
    result = finished or bnstudy.run(config, folder, fresh=options.fresh, watch=watch)
    ended = f"test accuracy {result['test_accuracy']:.4f} in epoch {result['epochs']}"
    if "diverged_at_step" in result:
        ended = f"diverged at step {result['diverged_at_step']}, in epoch {result['epochs']}"
    already = "already finished, " if finished else ""
    echo(f"{folder}: {already}{ended}; see {folder / 'test.png'}")
    return 0


def config_of(options: argparse.Namespace) -> Config:
    """Return the configuration that the options ask for.

    Raises:
        UserError: it is wrong, or names no case.

    """
    changes, sources = changes_of(options, {"--seed": "seed", "--data": "data.dir"})
    config = load_config(options.case, options.preset, options.config, changes, sources=sources)
    if config.case is None:
        raise UserError("which case? use --case a, b or c, or extend one in your --config file")
    return config
