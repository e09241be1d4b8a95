"""`bnstudy check`: are the gradients right? Of a configured network, or of a file of yours."""

import argparse
import json
from typing import Any

from bnstudy.cli.configuration import Commands, add_preset_and_set, at_least, changes_of, path
from bnstudy.config.load import load_config
from bnstudy.config.schema import Config
from bnstudy.errors import UserError
from bnstudy.output import echo

DESCRIPTION = """\
Compute every gradient of the configured network by hand, by automatic differentiation, and by the
complex step of an independent network in NumPy, and compare them. Say where the first error is and
what the mistake is. The exit code is 1 if a gradient is wrong. The images are small and random, and
the network has a quarter of its width unless --set model.width says otherwise; the mathematics is
the same.

With FILE.py, check your own layer instead: a file with forward(x, ...) -> (y, cache) and
backward(dy, cache) -> gradients, in NumPy or TensorFlow. --template prints one to fill in."""
EXAMPLES = """\
examples:
  bnstudy check                                       case c: every gradient is right
  bnstudy check --set training.gradients=as_posted    the author's: three are wrong
  bnstudy check --case b --set bn.placement=after_conv --inference
  bnstudy check --devices 2                           a step that two devices share
  bnstudy check --set model.width=1                   full width: up to a minute
  bnstudy check --template batch_norm > my_layer.py   a backward pass to fill in ...
  bnstudy check my_layer.py                           ... with hints until it is right
"""
WIDTH = 0.25


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help="check every gradient, and name the mistake",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=run)
    add = parser.add_argument
    add("file", metavar="FILE.py", nargs="?", type=path, help="your own forward and backward")
    add("--case", metavar="CASE", help="a, b or c [c]")
    add_preset_and_set(parser)
    add("--config", metavar="FILE", type=path, help="YAML with the keys that you change")
    add("--seed", metavar="N", type=at_least(0), default=0, help="seed of the random numbers [0]")
    add(
        "--directions",
        metavar="K",
        type=at_least(1),
        default=2,
        help="number of random directions [2]",
    )
    add(
        "--devices",
        metavar="N",
        type=at_least(2),
        help="compute the compiled step on N devices, batch norm synchronized",
    )
    add("--inference", action="store_true", help="let batch norm use its moving statistics")
    add("--template", metavar="LAYER", help="print a file with an empty backward to fill in")
    add("--insist", action="store_true", help="check FILE.py even if the check can say little")
    add("--json", action="store_true", help="print JSON instead of tables")


def run(options: argparse.Namespace) -> int:
    """Check the configured network, or the file; or print a template."""
    if options.template is not None:
        from bnstudy.gradient_check.own_layer.file import template

        echo(template(options.template).rstrip())
        return 0
    if options.file is not None:
        from bnstudy.gradient_check.own_layer.file import check_file

        _refuse_network_options(options)
        return check_file(
            options.file,
            seed=options.seed or 0,
            insist=options.insist,
            as_text=not options.json,
        )
    config = _config_of(options)
    from bnstudy.backend.startup import import_tensorflow

    import_tensorflow(config.training.devices)
    from bnstudy.gradient_check import diagnosis, network, rounding, table

    certificate = network.certify(
        config, options.seed, options.directions, training=not options.inference
    )
    findings = diagnosis.diagnose(certificate)
    # Rounding is of interest once the gradients are right.
    rounded = rounding.measure(certificate.setting) if certificate.passed else []
    if options.json:
        echo(json.dumps(table.as_json(certificate, findings, rounded), indent=2))
    else:
        echo("\n".join(table.lines(certificate, findings, rounded)))
    return 0 if table.passed(certificate, rounded) else 1


def _config_of(options: argparse.Namespace) -> Config:
    """Return the configuration of the network that is checked.

    Raises:
        UserError: it is wrong, or several devices cannot be used in this process.

    """
    changes, sources = changes_of(options, {"--devices": "training.devices"})
    overrides: dict[str, Any] = {"model.width": WIDTH}
    if options.devices:
        overrides["bn.synchronized"] = True
    overrides |= changes
    case = options.case or (None if options.config else "c")
    config = load_config(case, options.preset, options.config, overrides, sources=sources)
    if (devices := config.training.devices) == 1:
        return config
    if not config.can_change_devices():
        raise UserError(
            f"training.devices is {devices}, and bn.synchronized false: the check compares with "
            "the statistics of the whole batch; add --set bn.synchronized=true"
        )
    from bnstudy.backend.tf_config import place

    if (workers := place().workers) > 1:  # it would wait for them
        raise UserError(
            f"training.devices is {devices}, and TF_CONFIG in the environment names {workers} "
            "workers: a check is made by one process; unset TF_CONFIG"
        )
    return config


def _refuse_network_options(options: argparse.Namespace) -> None:
    """Refuse what would change nothing in the check of a file."""
    names = ("case", "preset", "set", "config", "inference", "devices")
    given = [f"--{name}" for name in names if getattr(options, name)]
    if given:
        raise UserError(
            f"{given[0]} is for the check of a network; with {options.file} there are --seed, "
            "--insist and --json"
        )
