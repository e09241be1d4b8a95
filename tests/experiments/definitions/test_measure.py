"""The page of definitions shows the numbers that its script measures."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/definitions.md").read_text(encoding="utf-8")
CELLS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| **")
]


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "experiments/definitions")
        import measure

        yield measure.measured()
        del sys.modules["measure"]


def test_the_table_shows_every_number_as_measured(measured):
    shown = {cells[0].strip("*"): cells[-1] for cells in CELLS}
    assert shown == measured


def test_no_number_stands_for_no_difference(measured):
    """Two definitions of one name with the same number would show nothing."""
    for one, other in [
        ("Adam, the paper's epsilon", "Adam, epsilon hat"),
        ("Momentum, Keras's", "Momentum, PyTorch's"),
        ("Moving variance, biased", "Moving variance, Bessel's"),
        ("Moving variance from 1", "Moving variance from 0"),
        ("Moving average, raw", "Moving average, corrected"),
        ("Weight of the old value", "Weight of the new value"),
    ]:
        assert measured[one] != measured[other]


def test_every_row_has_four_cells():
    assert len(CELLS) == 16
    assert {len(cells) for cells in CELLS} == {4}
