"""`bnstudy evaluate`: what a trained network gets right and wrong."""

import argparse
import json
from typing import TYPE_CHECKING, Any

from bnstudy.analysis.choice import BATCH, KINDS, MOVING, SOURCE, Statistics
from bnstudy.cli.configuration import Commands, at_least, path
from bnstudy.errors import UserError
from bnstudy.output import echo

if TYPE_CHECKING:
    from bnstudy.config.schema import Config
    from bnstudy.trained.network import TrainedNetwork

DESCRIPTION = """\
Classify the test images with the network of a finished run. Prints accuracy and cost (compared with
those in result.json), the calibration error and the confusion matrix; draws the confusion matrix
and the calibration (evaluation.png) and the worst mistakes (mistakes.png). With --images training,
it takes the training images, unaugmented, and in place of pictures writes accuracy and cost to
training_images.json in the run folder, from which `bnstudy report` judges the gap between training
and test.

--statistics says which mean and variance batch norm uses: moving, its moving averages; precise,
those of 10,000 training images; batch, those of each batch of test images. source is for networks
without batch norm: within each batch of test images, the outputs of the convolutions are brought
back to the mean and variance that they had on the training images. --corrupt changes the images as
CIFAR-10-C does. With --corrupt, statistics other than moving, or another precision than the run's,
nothing is written to the run folder, and pictures are drawn only if --out says where."""


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
    add("--images", choices=["test", "training"], default="test", help="which images [test]")
    add("--data", metavar="PATH", help="where CIFAR-10 is: a folder or a file")
    add("--out", metavar="DIR", type=path, help="where the pictures go [RUN_FOLDER]")
    add(
        "--precision",
        choices=["float32", "bfloat16"],
        help="of the activations [that of the run; exported files have float32]",
    )
    add("--statistics", choices=KINDS, default=MOVING, help="see above [moving]")
    add(
        "--batch-size",
        metavar="N",
        type=at_least(1),
        help="test images per batch, for --statistics batch and source [1000]",
    )
    add(
        "--corrupt",
        metavar="NAME:SEVERITY",
        help="such as fog:5; the severity is 1 to 5; an unknown name lists all names",
    )
    add("--json", action="store_true", help="print all of it as JSON, and draw nothing")


def run(options: argparse.Namespace) -> int:
    """Evaluate; print and draw, or print JSON."""
    import bnstudy

    statistics, corruption = _statistics(options), _corruption(options.corrupt)
    own_precision = _config(options).training.precision
    plain = statistics.kind == MOVING and corruption is None
    plain = plain and options.precision in (None, own_precision)
    if plain and options.images == "training" and options.out is not None:
        raise UserError("--out says where pictures go, and --images training draws none; drop it")
    if options.json and options.out is not None:
        raise UserError("--out says where pictures go, and --json draws none; drop one of them")
    network = bnstudy.load_model(options.run_folder, precision=options.precision, data=options.data)
    from bnstudy.trained import pictures, tables
    from bnstudy.trained.evaluation import evaluate

    changes = _changes(network, statistics, corruption)
    found, images = evaluate(network, options.images, **changes)
    keep = plain and options.images == "training"
    written = None
    if keep:
        from bnstudy.run_folder import training_images

        kept = found.accuracy, found.cost, found.precision
        written = training_images.write(options.run_folder, *kept)
    if options.json:
        echo(json.dumps(tables.as_json(found), indent=2, allow_nan=False))
        return 0
    echo("\n".join([str(network), *tables.lines(found)]))
    if written is not None:
        echo(f"\n{written}")
        return 0
    out = options.out or (options.run_folder if plain else None)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        echo("\n".join(["", *map(str, pictures.draw(found, images, out))]))
    return 0


def _statistics(options: argparse.Namespace) -> Statistics:
    """Return the statistics that are asked for, if they fit the network of the run."""
    shared = options.statistics in (BATCH, SOURCE)
    if options.batch_size is not None and not shared:
        raise UserError(
            f"--batch-size is for --statistics batch or source, not {options.statistics}"
        )
    statistics = Statistics(options.statistics)
    if options.batch_size is not None:
        statistics = statistics._replace(batch_size=options.batch_size)
    statistics.check(_config(options))
    return statistics


def _config(options: argparse.Namespace) -> "Config":
    from bnstudy.run_folder.log import load_log

    return load_log(options.run_folder).config


def _corruption(text: str | None) -> tuple[str, int] | None:
    """Return the name and the severity of an argument NAME:SEVERITY."""
    if text is None:
        return None
    from bnstudy.analysis import corruptions  # imports SciPy and matplotlib

    name, _, severity = text.partition(":")
    try:
        corruptions.check(name, int(severity) if severity.isdecimal() else severity)
    except UserError as error:
        raise UserError(f"--corrupt {text}: {error}; such as fog:5") from None
    return name, int(severity)


def _changes(
    network: "TrainedNetwork", statistics: Statistics, corruption: tuple[str, int] | None
) -> dict[str, Any]:
    """Return what differs from a plain evaluation, as arguments of `evaluate`."""
    from bnstudy.analysis.corruptions import corrupt
    from bnstudy.analysis.statistics import classifier

    changes: dict[str, Any] = {}
    under = []
    if statistics.kind != MOVING:
        changes["logits"] = classifier(network, statistics)
        under.append(str(statistics))
    if corruption:
        name, severity = corruption
        changes["change"] = lambda images: corrupt(images, name, severity)
        under.append(f"{name.replace('_', ' ')} of severity {severity}")
    return {**changes, "under": " and ".join(under)}
