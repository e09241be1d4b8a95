"""Printed lines, and no error when nobody can read them."""

import io
import os
import subprocess
import sys

import pytest

from bnstudy.output import echo


def test_a_line_goes_to_standard_output_or_to_the_given_stream(capsys):
    echo("one")
    echo("two", sys.stderr)
    assert capsys.readouterr() == ("one\n", "two\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_not_an_error():
    script = "from bnstudy.output import echo; echo('x'); echo('y')"
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", script], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_pipe_that_nobody_reads_is_not_an_error():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        echo("x", stream)
        echo("y", stream)


def test_a_stream_without_a_file_that_fails_is_not_an_error():
    class Gone(io.StringIO):  # a notebook's whose browser was closed
        def write(self, text):
            raise OSError("gone")

    echo("x", Gone())


def test_no_console_and_a_closed_stream_are_not_errors(monkeypatch, capsys):
    closed = io.StringIO()
    closed.close()
    echo("x", closed)
    echo("x", None)  # sys.stderr of a program without a console
    assert capsys.readouterr() == ("", "")  # nor do they go to another stream
    monkeypatch.setattr(sys, "stdout", None)
    echo("x")


@pytest.mark.parametrize(
    ("encoding", "line", "printed"),
    [("utf-8", "µ \udcff", b"\xc2\xb5 \\udcff\n"), ("ascii", "µ", b"\\xb5\n")],
)
def test_what_the_terminal_cannot_show_is_escaped(encoding, line, printed):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    echo(line, stream)
    assert raw.getvalue() == printed
