"""`bnstudy data`: fetch, verify or find CIFAR-10."""

import argparse

from bnstudy.cli.configuration import Commands, path
from bnstudy.errors import UserError
from bnstudy.output import echo


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("data", help="fetch, verify or find CIFAR-10")
    parser.set_defaults(function=run)
    parser.add_argument(
        "action",
        choices=["fetch", "verify", "where"],
        help="download it unless it is there; read and check every image; print where it is",
    )
    parser.add_argument(
        "--data", metavar="PATH", type=path, help="where CIFAR-10 is: a folder or a file"
    )


def run(options: argparse.Namespace) -> int:
    """Print which copy a run would use, or that it is intact."""
    from bnstudy.data import cifar10, download

    found = cifar10.find(options.data)
    if options.action == "fetch" and found is None:
        found = download.fetch()
    if found is None:
        raise UserError("CIFAR-10 is not on this machine; get it with: bnstudy data fetch")
    if options.action == "verify":
        _, labels, _, test_labels = cifar10.read(found)
        official = "the official archive, " if download.is_official(found) else ""
        echo(f"{found}: {official}{len(labels):,} + {len(test_labels):,} images, OK")
    else:
        echo(str(found))
    return 0
