"""`bnstudy export`: write a trained network into one file, for others to use."""

import argparse

from bnstudy.cli.configuration import Commands, path
from bnstudy.output import echo

DESCRIPTION = """\
Write the network of a finished run into one file: raw images in, probabilities out, in float32.
docs/trained_networks.md says what is in it, and how to load it."""


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "export",
        help="write a trained network into one file",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=run)
    add = parser.add_argument
    add("run_folder", metavar="RUN_FOLDER", type=path)
    add(
        "--to",
        choices=["keras", "safetensors", "npz"],
        required=True,
        help="a Keras model that needs no bnstudy; safetensors, for PyTorch; weights.npz, which a "
        "run of an older version lacks",
    )
    add(
        "--out",
        metavar="FILE",
        type=path,
        help="[RUN_FOLDER/weights.npz, or the run's name in the current folder]",
    )
    add("--data", metavar="PATH", help="where CIFAR-10 is, should an old checkpoint need it")


def run(options: argparse.Namespace) -> int:
    """Write the file, and print its path."""
    from bnstudy.trained.export import export

    echo(str(export(options.run_folder, options.to, options.out, options.data)))
    return 0
