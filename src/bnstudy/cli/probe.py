"""`bnstudy probe`: what the layers of a run put out, and their gradients."""

import argparse
import json

from bnstudy.cli.configuration import Commands, path
from bnstudy.output import echo

DESCRIPTION = """\
Show what each layer of a run does with some of the training images, in training mode: mean and
standard deviation of its outputs, the shares of saturated values (ELU outputs below -0.99) and of
dead channels (saturated everywhere), and the norms of its gradients. Shows the network before
training and at the end, and after every epoch if the run was made with
--set checkpoint.keep_epochs=true. Draws probe.png."""


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "probe",
        help="activations and gradients of a run, layer by layer",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=run)
    add = parser.add_argument
    add("run_folder", metavar="RUN_FOLDER", type=path)
    add("--images", metavar="N", type=int, default=500, help="how many training images [500]")
    add("--data", metavar="PATH", help="where CIFAR-10 is: a folder or a file")
    add("--out", metavar="FILE", type=path, help="a .png, .pdf or .svg [RUN_FOLDER/probe.png]")
    add("--json", action="store_true", help="print JSON, and draw nothing")


def run(options: argparse.Namespace) -> int:
    """Probe; print and draw, or print JSON."""
    from bnstudy.plots.style import check_suffix, save

    out = options.out or options.run_folder / "probe.png"
    check_suffix(out)
    from bnstudy.backend.startup import import_tensorflow

    import_tensorflow()
    from bnstudy.analysis.probe import as_json, lines, probe
    from bnstudy.analysis.probe_figure import probe_figure

    found = probe(options.run_folder, options.images, options.data)
    if options.json:
        echo(json.dumps(as_json(found), indent=2, allow_nan=False))
        return 0
    echo("\n".join([*lines(found), ""]))
    echo(str(save(probe_figure(found), out)))
    return 0
