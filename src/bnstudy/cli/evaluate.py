"""`bnstudy evaluate`: what a trained network gets right and wrong."""

import argparse
import json
from typing import TYPE_CHECKING

from bnstudy.cli.configuration import Commands, path
from bnstudy.output import echo

if TYPE_CHECKING:
    from bnstudy.trained.evaluation import Evaluation
    from bnstudy.trained.network import TrainedNetwork

DESCRIPTION = """\
Classify the test images of a finished run: accuracy and cost, beside those in result.json, the
confusion matrix, the calibration, and the worst mistakes. Draws evaluation.png and mistakes.png.
With --images training, the plain training images: draws nothing, and keeps accuracy and cost in the
run folder's training_images.json, from which `bnstudy report` judges the gap to the test images."""


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
    add("--images", choices=["test", "training"], default="test", help="[test]")
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

    found, images = evaluate(network, options.images)
    if options.json:
        echo(json.dumps(tables.as_json(found), indent=2))
        return 0
    if options.images == "training":
        return _keep(found, network, options)
    out = options.out or options.run_folder
    out.mkdir(parents=True, exist_ok=True)
    echo("\n".join([str(network), *tables.lines(found), ""]))
    echo("\n".join(map(str, pictures.draw(found, images, out))))
    return 0


def _keep(found: "Evaluation", network: "TrainedNetwork", options: argparse.Namespace) -> int:
    """Write what is known of the training images into the run folder, and print it."""
    from bnstudy.run_folder.files import write_json
    from bnstudy.run_folder.weights import TRAINING_IMAGES
    from bnstudy.trained import tables

    kept = {"accuracy": found.accuracy, "cost": found.cost, "precision": found.precision}
    write_json(options.run_folder / TRAINING_IMAGES, kept)
    echo("\n".join([str(network), *tables.lines(found), ""]))
    echo(str(options.run_folder / TRAINING_IMAGES))
    return 0
