"""The program `bnstudy`: find the command, run it, turn errors into one line and an exit code."""

import argparse
import signal
import sys
import threading
import warnings
from typing import NoReturn

import bnstudy
from bnstudy.cli import (
    bench,
    check,
    data,
    doctor,
    evaluate,
    export,
    playground,
    plot,
    probe,
    question,
    report,
    run,
    sweep,
)
from bnstudy.errors import UserError, one_line
from bnstudy.interrupts import EXIT_CODE, Interrupted
from bnstudy.output import echo

COMMANDS = (
    run,
    plot,
    report,
    evaluate,
    probe,
    export,
    sweep,
    question,
    check,
    doctor,
    playground,
    bench,
    data,
)  # each: add_parser

DESCRIPTION = """\
Batch normalization, measured: one network trained on CIFAR-10 three ways. Case a has no batch norm,
case b has Keras's, and case c our own, with every gradient written by hand."""
EXAMPLES = """\
examples:
  bnstudy run --case c --preset quick        about a minute, built-in digits, no download
  bnstudy run --case c --preset lite         CIFAR-10 at quarter width, up to an hour on two cores
  bnstudy run --case c                       full width: 4 to 10 hours on two cores
  bnstudy sweep plan.yaml                    many runs: finished ones are skipped, others continued
  bnstudy plot logs/case-a_seed-0 logs/case-c_seed-0 --reference --out comparison.png
"""


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see bnstudy --help, or bnstudy COMMAND --help)")


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: arguments without the program's name; those of the process unless given.

    Returns:
        The exit code: 0 done, 1 a check failed, 2 wrong input, 130 interrupted.

    """
    argv = sys.argv[1:] if argv is None else argv
    warnings.formatwarning = lambda message, *_: f"bnstudy: {one_line(message)}\n"
    try:
        _let_sigterm_interrupt()
        options = make_parser().parse_args(argv)
        code: int = options.function(options)
        return code
    except UserError as error:
        echo(f"bnstudy: {error}", sys.stderr)
        return 2
    except Interrupted as stopped:
        echo(f"bnstudy: {stopped}; the same command continues", sys.stderr)
        return EXIT_CODE
    except KeyboardInterrupt as interrupt:
        why = one_line(interrupt) if interrupt.args else "interrupted"
        echo(f"bnstudy: {why}; the same command starts again or continues", sys.stderr)
        return EXIT_CODE
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        echo(f"bnstudy: {one_line(f'{where}{error.strerror or error}')}", sys.stderr)
        return 2


def _let_sigterm_interrupt() -> None:
    """Let SIGTERM end us as Ctrl-C does, before and after a run handles both."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = _Parser(
        prog="bnstudy",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"bnstudy {bnstudy.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser
