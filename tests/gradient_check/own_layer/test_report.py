"""The table, the verdict and the exit code."""

import pytest

from bnstudy.gradient_check.own_layer.report import FAIL, NO_VERDICT, PASS, LayerResult, Row


def row(verdict=PASS, mistake="", order=1.96, complex_step=2e-16):
    return Row("dx", (6, 4), 24, 1, 3e-16, 1e-9, order, "exact", complex_step, verdict, mistake)


def result(*rows, problems=(), notes=()):
    return LayerResult(rows, problems, notes, 1e-6, 7, 0.25)


@pytest.mark.parametrize(
    ("made", "code", "word"),
    [
        (result(row(), row()), 0, "right"),
        (result(row(), row(FAIL)), 1, "WRONG"),
        (result(row(NO_VERDICT)), 2, "no verdict"),
        (result(row(NO_VERDICT), row(FAIL)), 1, "WRONG"),
        (result(row(), problems=("backward changes dy",)), 1, "WRONG"),
        (result(problems=("backward returns 2 gradients",)), 1, "WRONG"),
    ],
)
def test_the_verdict_follows_the_rows_and_the_problems(made, code, word):
    assert made.exit_code == code
    assert made.passed is (code == 0)
    assert str(made).splitlines()[-1].startswith(f"{word}; tolerance ")


def test_the_table_shows_every_number_under_its_heading():
    lines = str(
        result(row(FAIL, "the sign"), problems=("a problem",), notes=("a note",))
    ).splitlines()
    assert lines[1].split() == [
        "dx",
        "6x4",
        "24",
        "1",
        "3.0e-16",
        "1.0e-09",
        "2.0",
        "2.0e-16",
        "FAIL",
    ]
    assert len(lines[0].split()) == len(lines[1].split()) - 1
    assert lines[3:] == [
        "dx: the sign", "a problem", "(a note)",
        "WRONG; tolerance 1e-09 with the complex step; seed 7, 0.2 s",
    ]  # fmt: skip
    assert repr(result(row())) == str(result(row()))


def test_what_is_not_known_is_a_dash_and_an_order_is_never_minus_zero():
    assert " exact        -   pass" in str(result(row(order=None, complex_step=None)))
    assert "-0.0" not in str(result(row(order=-0.01)))
    assert "tolerance 1e-06; seed" in str(result(row(complex_step=None)))
