"""The command line: arguments only. TensorFlow is imported by the command that needs it."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import bnstudy
from bnstudy.config import Config, load_config, parse_set
from bnstudy.errors import UserError, one_line
from bnstudy.interrupts import EXIT_CODE, Interrupted
from bnstudy.output import say
from bnstudy.run_name import run_name

BENCH = """\
Time the training steps of the cases, each in a process of its own, in turn. Nothing is kept. Peers
train case b with Adam; of --set, only the width, the batch and the data apply to them. Leave the
machine alone meanwhile; a spread above 10 % means that it was busy."""
BENCH_EXAMPLES = """\
examples:
  bnstudy bench --preset quick --case c          a minute or two, no CIFAR-10 needed
  bnstudy bench --preset lite --peers            a quarter of the width, 5 to 10 minutes, 18 GB
  bnstudy bench --peers                          full width, 15 to 30 minutes, 24 GB of memory
"""

EXAMPLES = """\
examples:
  bnstudy run --case c --preset quick        about a minute, built-in digits, no network
  bnstudy run --case c --preset lite         CIFAR-10 at quarter width, up to an hour on two cores
  bnstudy run --case c                       full width: 4 to 10 hours on two cores
  bnstudy sweep plan.yaml                    many runs, skipped if finished, else continued
  bnstudy plot logs/case-a_seed-0 logs/case-c_seed-0 --reference --out comparison.png
"""

PLAN = """\
a plan:
  out: logs/rates                 where the run folders go, from the current folder [logs]
  grid:                           every combination
    case: [a, b]
    preset: [lite]
    seed: [0, 1, 2]
    optimizer.learning_rate: [3.0e-4, 3.0e-3]
  runs:                           and any others
    - {case: c, preset: [lite, as_posted], name: as-posted}
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str):
        raise UserError(f"{message} (see bnstudy --help, or bnstudy COMMAND --help)")


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: arguments without the program's name; those of the process unless given.

    Returns:
        The exit code: 0 done, 2 wrong input, 130 interrupted.

    """
    argv = sys.argv[1:] if argv is None else argv
    warnings.formatwarning = lambda message, *_: f"bnstudy: {one_line(message)}\n"
    try:
        _let_sigterm_interrupt()
        options = _parser().parse_args(argv)
        return options.function(options)
    except UserError as error:
        print(f"bnstudy: {error}", file=sys.stderr)
        return 2
    except Interrupted as stopped:
        print(f"bnstudy: {stopped}; the same command continues", file=sys.stderr)
        return EXIT_CODE
    except KeyboardInterrupt:
        print("bnstudy: interrupted; the same command starts or continues", file=sys.stderr)
        return EXIT_CODE
    except OSError as error:
        what = error.strerror or error
        print(f"bnstudy: {one_line(f'{error.filename}: {what}')}", file=sys.stderr)
        return 2


def _let_sigterm_interrupt() -> None:
    """Let SIGTERM end us as Ctrl-C does, before and after a run listens to both."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="bnstudy",
        description=bnstudy.__doc__.partition("\n")[0],
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"bnstudy {bnstudy.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    for add_command in (_add_run, _add_plot, _add_sweep, _add_bench, _add_data):
        add_command(commands)
    return parser


def _add_run(commands) -> None:
    run = commands.add_parser("run", help="train one case and leave a run folder")
    run.set_defaults(function=_run)
    add = run.add_argument
    add("--case", metavar="CASE", help="a: no batch norm; b: the framework's; c: by hand")
    add("--preset", metavar="NAME", action="append", default=[], help="quick, lite, as_posted")
    add("--config", metavar="FILE", type=Path, help="YAML with the keys that you change")
    add("--set", metavar="KEY=VALUE", action="append", default=[], help="change one key")
    add("--data", metavar="PATH", help="CIFAR-10: a folder or an archive; or --set data.dir=PATH")
    add("--out", metavar="DIR", type=Path, help="run folder [logs/case-CASE_PRESET_seed-N]")
    add("--seed", metavar="N", type=int, help="same as --set seed=N")
    add("--fresh", action="store_true", help="start over; the old folder is kept aside")


def _add_plot(commands) -> None:
    plot = commands.add_parser("plot", help="draw the curves of one run, or of several overlaid")
    plot.set_defaults(function=_plot)
    add = plot.add_argument
    add("run_folder", metavar="RUN_FOLDER", nargs="+", type=Path)
    add("--out", metavar="FILE", type=Path, help="one picture of all [comparison.png]")
    add("--reference", action="store_true", help="add the author's own curves of 2018")


def _add_sweep(commands) -> None:
    sweep = commands.add_parser(
        "sweep",
        help="many runs from one YAML plan",
        epilog=PLAN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sweep.set_defaults(function=_sweep)
    sweep.add_argument("plan", metavar="PLAN.yaml", type=Path)
    sweep.add_argument("--jobs", metavar="N", type=int, default=1, help="processes at once [1]")


def _add_bench(commands) -> None:
    bench = commands.add_parser(
        "bench",
        help="measure how fast this machine trains, and why",
        description=BENCH,
        epilog=BENCH_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    bench.set_defaults(function=_bench)
    add = bench.add_argument
    add("--case", metavar="CASE", action="append", help="a, b, c; may be repeated [all]")
    add(
        "--precision",
        choices=["float32", "bfloat16"],
        action="append",
        help="may be repeated [float32, and bfloat16 where the CPU has it]",
    )
    add("--preset", metavar="NAME", action="append", default=[], help="as for run")
    add("--set", metavar="KEY=VALUE", action="append", default=[], help="as for run")
    add("--data", metavar="PATH", help="CIFAR-10, as for run; or --set data.name=digits")
    add(
        "--peers",
        action="store_true",
        help="add plain TensorFlow, Keras fit, and PyTorch and JAX if installed",
    )
    add(
        "--rounds",
        metavar="N",
        type=_at_least(2),
        default=5,
        help="in each, everybody has a turn [5]",
    )
    add("--steps", metavar="N", type=_at_least(4), default=8, help="training steps in a turn [8]")
    add("--json", action="store_true", help="print JSON instead of a table")


def _add_data(commands) -> None:
    data = commands.add_parser("data", help="fetch, verify or find CIFAR-10")
    add = data.add_argument
    data.set_defaults(function=_data)
    add("action", choices=["fetch", "verify", "where"])
    add("--data", metavar="PATH", help="a folder or an archive of CIFAR-10")


def _run(options: argparse.Namespace) -> int:
    config = _config(options)
    from bnstudy.run_folder import finished  # imports NumPy: not for a wrong argument

    folder = options.out or Path("logs") / run_name(config, options.preset, options.config)
    result = None if options.fresh else finished(folder, config)  # before TensorFlow is imported
    again = "" if result is None else "finished already, "
    result = result or bnstudy.run(config, folder, fresh=options.fresh)
    say(
        f"{folder}: {again}test accuracy {result['test_accuracy']:.4f} in epoch "
        f"{result['epochs']}; see {folder / 'test.png'}"
    )
    return 0


def _config(options: argparse.Namespace) -> Config:
    overrides = dict(parse_set(text) for text in options.set)
    if options.data is not None:
        overrides["data.dir"] = options.data
    if options.seed is not None:
        overrides["seed"] = options.seed
    config = load_config(options.case, options.preset, options.config, overrides)
    if config.case is None:
        raise UserError("which case? say --case a, b or c, or extend one in your --config file")
    return config


def _plot(options: argparse.Namespace) -> int:
    from bnstudy import plots

    if options.out is None and len(options.run_folder) == 1 and not options.reference:
        written = plots.plot_run(options.run_folder[0])
    else:
        out = options.out or Path("comparison.png")
        written = [plots.plot_comparison(options.run_folder, out, options.reference)]
    say("\n".join(map(str, written)))
    return 0


def _sweep(options: argparse.Namespace) -> int:
    from bnstudy import sweep

    if options.jobs < 1:
        raise UserError(f"--jobs: must be an integer >= 1, got {options.jobs}")
    return sweep.run_plan(sweep.load_plan(options.plan), options.jobs)


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be an integer >= {least}, got {text}")
        return int(text)

    return number


def _bench(options: argparse.Namespace) -> int:
    from bnstudy import bench, bench_report
    from bnstudy.environment import cpu_has_bfloat16

    overrides = dict(parse_set(text) for text in options.set)
    if options.data is not None:
        overrides["data.dir"] = options.data
    native = ["float32", "bfloat16"] if cpu_has_bfloat16() else ["float32"]
    taking_part = bench.entrants(
        cases=options.case or ["a", "b", "c"],
        precisions=options.precision or native,
        presets=options.preset,
        overrides=overrides,
        steps=options.steps,
        peers=options.peers,
    )
    try:
        bench.measure(taking_part, options.rounds)
    except KeyboardInterrupt:
        say("bnstudy: interrupted; a benchmark keeps nothing", sys.stderr)
        return EXIT_CODE
    figures = bench_report.report(taking_part)
    say(json.dumps(figures, indent=2) if options.json else "\n".join(bench_report.lines(figures)))
    return 0


def _data(options: argparse.Namespace) -> int:
    from bnstudy.data import cifar10

    found = cifar10.find(options.data)
    if options.action == "fetch" and found is None:
        found = cifar10.fetch()
    if found is None:
        raise UserError("CIFAR-10 is not on this machine; get it with: bnstudy data fetch")
    if options.action == "verify":
        _, labels, _, test_labels = cifar10.read(found)
        official = "the official archive; " if cifar10.is_official(found) else ""
        say(f"{found}: {official}{len(labels):,} + {len(test_labels):,} images, all well")
    else:
        say(str(found))
    return 0
