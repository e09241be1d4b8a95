"""The command `bnstudy playground`."""

import subprocess
import sys
import webbrowser
from pathlib import Path

import pytest

from bnstudy.cli.main import main


@pytest.fixture
def opened(monkeypatch):
    """The addresses that a browser was asked to open; it does."""
    addresses = []
    monkeypatch.setattr(webbrowser, "open", lambda address: addresses.append(address) or True)
    return addresses


def test_it_prints_where_the_page_is_and_opens_it(opened, capsys):
    assert main(["playground"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert Path(line).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert opened == [Path(line).as_uri()]


def test_it_only_prints_where_the_page_is_if_asked_to(opened, capsys):
    assert main(["playground", "--no-open"]) == 0
    assert capsys.readouterr().out.endswith("index.html\n")
    assert opened == []


def test_without_a_browser_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    assert main(["playground"]) == 0
    assert "no browser" in capsys.readouterr().out


def test_nothing_heavy_is_imported_on_the_way():
    code = (
        "import sys\n"
        "from bnstudy.cli.main import main\n"
        "main(['playground', '--no-open'])\n"
        "sys.exit(len({'tensorflow', 'keras', 'numpy', 'matplotlib'} & set(sys.modules)))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
