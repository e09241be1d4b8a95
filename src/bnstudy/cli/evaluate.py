"""`bnstudy evaluate`: what a trained network gets right and wrong on the test images."""

import argparse
import json

from bnstudy.cli.configuration import Commands, path
from bnstudy.output import echo

DESCRIPTION = """\
Classify the test images of a finished run: accuracy and cost, beside those in result.json, the
confusion matrix, the calibration, and the worst mistakes. Draws evaluation.png and mistakes.png."""


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "evaluate",
        help="what a trained network gets right and wrong",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=run)
    add = parser.add_argument
    add("run_folder", metavar="RUN_FOLDER", type=path)
    add("--data", metavar="PATH", help="where CIFAR-10 is: a folder or a file")
    add("--out", metavar="DIR", type=path, help="where the pictures go [RUN_FOLDER]")
    add(
        "--precision",
        choices=["float32", "bfloat16"],
        help="of the activations [that of the run; exported files have float32]",
    )
    add("--json", action="store_true", help="print JSON, and draw nothing")


def run(options: argparse.Namespace) -> int:
    """Evaluate; print and draw, or print JSON."""
    import bnstudy

    network = bnstudy.load_model(options.run_folder, precision=options.precision, data=options.data)
    from bnstudy.trained import pictures, tables
    from bnstudy.trained.evaluation import evaluate

    found, images = evaluate(network)
    if options.json:
        echo(json.dumps(tables.as_json(found), indent=2))
        return 0
    out = options.out or options.run_folder
    out.mkdir(parents=True, exist_ok=True)
    echo("\n".join([str(network), *tables.lines(found), ""]))
    echo("\n".join(map(str, pictures.draw(found, images, out))))
    return 0
