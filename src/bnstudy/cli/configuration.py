"""The options that several commands share, most of which choose the configuration."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from bnstudy.config.load import parse_set
from bnstudy.config.schema import flatten
from bnstudy.config.yaml_reader import show
from bnstudy.errors import UserError
from bnstudy.paths import user_path

# The parsers of the commands, to which each command adds its own.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_preset_and_set(parser: argparse.ArgumentParser) -> None:
    """Add --preset and --set."""
    add = parser.add_argument
    add("--preset", metavar="NAME", action="append", default=[], help="quick, lite or as_posted")
    add("--set", metavar="KEY=VALUE", action="append", default=[], help="change one key")


def add_set_and_data(parser: argparse.ArgumentParser) -> None:
    """Add --preset, --set and --data."""
    add_preset_and_set(parser)
    parser.add_argument("--data", metavar="PATH", help="where CIFAR-10 is: a folder or a file")


def add_jobs_and_scheduler(parser: argparse.ArgumentParser) -> None:
    """Add --jobs and --scheduler, which exclude each other."""
    add = parser.add_mutually_exclusive_group().add_argument
    add("--jobs", metavar="N", type=at_least(1), default=1, help="runs at a time [1]")
    add("--scheduler", metavar="ADDRESS", help="a Dask scheduler, or local:4 (docs/scale.md)")


def changes_of(
    options: argparse.Namespace, shorthands: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what the options change, by key, and the option that each change comes from.

    Args:
        options: `set`, and those of `shorthands`.
        shorthands: options that stand for a key: {"--data": "data.dir"}.

    Raises:
        UserError: --set is wrong, or says something else than such an option.

    """
    changes = dict(flatten(dict(map(parse_set, options.set))))
    sources = dict.fromkeys(changes, "--set")
    for option, key in shorthands.items():
        value = getattr(options, option.removeprefix("--"))
        if value is None:
            continue
        if changes.get(key, value) != value:
            other = f"--set {key}={show(changes[key])}"
            raise UserError(f"{option} {show(value)} contradicts {other}; drop one of them")
        changes[key], sources[key] = value, option
    return changes, sources


def at_least(least: int) -> Callable[[str], int]:
    """Return the type of an argument that is an integer of at least `least`."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be an integer >= {least}, got {text}")
        return int(text)

    return number


def path(text: str) -> Path:
    """Return the path of an argument; ~ is the home folder, even where the shell keeps it."""
    try:
        return user_path(text, "the path", "a file or a folder")
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
