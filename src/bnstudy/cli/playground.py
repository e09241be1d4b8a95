"""`bnstudy playground`: open the page on which one can play with batch norm."""

import argparse
import webbrowser

from bnstudy.cli.configuration import Commands
from bnstudy.output import echo
from bnstudy.paths import shipped

DESCRIPTION = """\
Open the playground, an interactive page on batch norm, in your browser: forward, backward, moving
averages and shift, with every number computed as you drag the points. It is one file and needs no
network."""


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "playground", help="open an interactive page on batch norm", description=DESCRIPTION
    )
    parser.set_defaults(function=run)
    parser.add_argument("--no-open", action="store_true", help="only print the path of the file")


def run(options: argparse.Namespace) -> int:
    """Print where the page is, and open it."""
    page = shipped("playground") / "index.html"
    echo(str(page))
    if not options.no_open and not webbrowser.open(page.as_uri()):
        echo("no browser was found here; open this file in one")
    return 0
