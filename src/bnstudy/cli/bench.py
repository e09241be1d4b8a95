"""`bnstudy bench`: measure how fast this machine trains, and why."""

import argparse
import json
import sys

from bnstudy.backend import cpu
from bnstudy.cli.configuration import Commands, add_set_and_data, at_least, changes_of
from bnstudy.errors import UserError
from bnstudy.interrupts import EXIT_CODE
from bnstudy.output import echo

DESCRIPTION = """\
Time the training steps of the cases in turn, each in a process of its own. Nothing is saved.
Peers train case b with Adam; of --set, only width, batch size and data apply to them.
Close other programs first: a spread above 10 % means that the machine was busy."""
EXAMPLES = """\
examples:
  bnstudy bench --preset quick --case c          a minute or two, no CIFAR-10 needed
  bnstudy bench --preset lite --peers            a quarter of the width, 5 to 10 minutes, 21 GB
  bnstudy bench --peers                          full width, 15 to 30 minutes, 27 GB of memory
  bnstudy bench --preset lite --convolutions     why PyTorch is faster or slower, in a minute
"""


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "bench",
        help="measure how fast this machine trains, and why",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=run)
    add = parser.add_argument
    add("--case", metavar="CASE", action="append", help="a, b or c; may be repeated [all]")
    add(
        "--precision",
        choices=["float32", "bfloat16"],
        action="append",
        help="may be repeated [float32, and bfloat16 where the CPU has it]",
    )
    add_set_and_data(parser)
    add(
        "--also",
        metavar="CHANGES",
        action="append",
        default=[],
        help="add case c with keys changed, such as bn.scale=false,bn.center=false; repeatable",
    )
    add(
        "--peers",
        action="store_true",
        help="add plain TensorFlow, Keras fit, and PyTorch (also with its DataLoader, and "
        "compiled) and JAX if installed",
    )
    add(
        "--convolutions",
        action="store_true",
        help="time each convolution alone instead, in TensorFlow and in PyTorch",
    )
    add(
        "--rounds",
        metavar="N",
        type=at_least(2),
        default=5,
        help="number of rounds; each contender takes one turn in each [5]",
    )
    add("--steps", metavar="N", type=at_least(4), default=8, help="training steps per turn [8]")
    add("--json", action="store_true", help="print JSON instead of tables")


def run(options: argparse.Namespace) -> int:
    """Measure, and print tables or JSON."""
    from bnstudy.bench import measure, tables

    native = ["float32", "bfloat16"] if cpu.has_bfloat16() else ["float32"]
    precisions = options.precision or native
    overrides, sources = changes_of(options, {"--data": "data.dir"})
    if options.convolutions:
        if options.case or options.peers or options.also:
            raise UserError(
                "bench: --convolutions cannot be combined with --case, --peers or --also; "
                "drop those"
            )
        contenders = measure.make_convolutions(precisions, options.preset, overrides, sources)
        report, lines = tables.convolution_report, tables.convolution_lines
    else:
        contenders = measure.make_contenders(
            cases=options.case or ["a", "b", "c"],
            precisions=precisions,
            presets=options.preset,
            overrides=overrides,
            steps=options.steps,
            peers=options.peers,
            also=options.also,
            sources=sources,
        )
        report, lines = tables.report, tables.lines
    try:
        measure.measure(contenders, options.rounds)
    except KeyboardInterrupt:
        echo("bnstudy: interrupted; nothing was saved", sys.stderr)
        return EXIT_CODE
    results = report(contenders)
    echo(json.dumps(results, indent=2) if options.json else "\n".join(lines(results)))
    return 0
