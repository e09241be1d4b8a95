"""Any text as one line of a message."""

import pytest

from bnstudy.errors import one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("two\nlines\r\n\tand tabs ", "two lines and tabs"),
        ("a terminal's \x1b[31mred\x1b[0m", "a terminal's [31mred [0m"),
        (ValueError("wrong\nvalue"), "wrong value"),
        (KeyError(), "KeyError"),
        (FileNotFoundError(2, "No such file", "x"), "[Errno 2] No such file: 'x'"),
        ("é ü ∂", "é ü ∂"),
    ],
)
def test_line_breaks_and_control_characters_are_gone(text, line):
    assert one_line(text) == line


def test_a_long_text_is_cut():
    assert one_line("x" * 1000) == "x" * 300
