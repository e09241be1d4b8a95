"""`bnstudy doctor`: what is wrong with the batch norms of a Keras model of yours."""

import argparse
import json
from pathlib import Path

from bnstudy.cli.configuration import Commands, path
from bnstudy.errors import UserError
from bnstudy.output import echo

DESCRIPTION = """\
Look for faults in the batch norms of a Keras model: moving statistics that are far from those of
the data, an unsuitable momentum or epsilon, small batches, dropout before batch norm, frozen
layers, dead channels. Each finding says where the fault is, how large, why it matters, and what to
do. Hints are only worth a look. The exit code is 1 if there are findings, otherwise 0. No pickle is
loaded, and no code from the file is run."""
EXAMPLES = """\
examples:
  bnstudy doctor model.keras --data images.npz
  bnstudy doctor model.keras --data images.npz --fix-statistics mended.keras

images.npz is made by numpy.savez("images.npz", images=images, labels=labels), with about a thousand
training or test images as the model takes them, and their classes, which may be left out.
"""


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor",
        help="find what is wrong with the batch norms of your Keras model",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=run)
    add = parser.add_argument
    add("model", metavar="MODEL.keras", type=path)
    add(
        "--data",
        metavar="FILE.npz",
        type=path,
        required=True,
        help="images, and labels if you have them",
    )
    add(
        "--fix-statistics",
        metavar="OUT.keras",
        type=path,
        help="also write the model with precise statistics: mean and variance over all images",
    )
    add("--json", action="store_true", help="print JSON instead of text")


def run(options: argparse.Namespace) -> int:
    """Examine the model, print what was found, and write the mended model."""
    from bnstudy.doctor import data, file

    out: Path | None = options.fix_statistics
    config = file.read_config(options.model)
    given = data.read(options.data)
    if out is not None:
        _check_out(out)
    if not file.has_batch_norm(config):
        from bnstudy.doctor.diagnosis import NO_BATCH_NORM

        echo(f"{options.model}: {NO_BATCH_NORM}")
        return 0
    if (shape := file.input_shape(config)) is not None:
        data.check_shape(shape, given, str(options.data))
    from bnstudy.backend.startup import import_tensorflow

    import_tensorflow()
    from bnstudy.doctor import fix, report
    from bnstudy.doctor.diagnosis import diagnose

    model = file.load(options.model)
    diagnosis = diagnose(model, *given)
    if options.json:
        echo(json.dumps(report.as_json(diagnosis), indent=2, allow_nan=False))
    else:
        echo(str(diagnosis))
    if out is not None and diagnosis.measured is not None:
        fix.write(model, diagnosis.measured, out)
        if not options.json:
            echo(f"{out}: the same model with precise statistics")
    return 0 if diagnosis.healthy else 1


def _check_out(out: Path) -> None:
    """Refuse what could not be written, before anything is computed."""
    if out.suffix != ".keras":
        raise UserError(f"--fix-statistics {out}: must end in .keras")
    if out.exists():
        raise UserError(f"--fix-statistics {out}: exists already; give the name of a new file")
    if not out.parent.is_dir():
        raise UserError(f"--fix-statistics {out}: there is no folder {out.parent}")
