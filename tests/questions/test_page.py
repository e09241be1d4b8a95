"""Tables and answers, and the pages that show them."""

import pytest

import bnstudy
from bnstudy.questions.claims import Claim
from bnstudy.questions.page import answer, renew, table

CLAIMS = [
    Claim("It helps", "gain", 0.0123456, (0.01, 0.0147), "> 0", "replicates"),
    Claim("It breaks", "ratio", 12345.6, None, ">= 4", "does not replicate", primary=True),
    Claim("It costs", "seconds", None, None, "< 1", "open", reason="1 of 3 seeds"),
]


def test_a_row_per_claim_the_primary_one_in_bold():
    assert table(CLAIMS).splitlines()[2:] == [
        "| It helps | 0.01235 | 0.01000 to 0.01470 | > 0 | replicates |",
        "| **It breaks** | 12,346 |  | >= 4 | does not replicate |",
        "| It costs |  |  | < 1 | open (1 of 3 seeds) |",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (459, "459"),
        (459.5, "459.5"),
        (4.0, "4.000"),
        (2246.4, "2246"),
        (0, "0.000"),
        (1e5, "100,000"),
    ],
)
def test_numbers_have_four_digits_that_count(value, text):
    assert f"| {text} |  |" in table([CLAIMS[0]._replace(value=value, interval=None)])


def test_an_answer_has_the_primary_claim_the_others_and_what_is_missing(toy):
    from bnstudy.questions.find import question

    assert answer(question(3), CLAIMS).splitlines() == [
        "- **It breaks**: 12,346; measured: ratio; threshold: >= 4. "
        "Verdict: **does not replicate**.",
        "- replicates (1 other claim): It helps.",
        "- open (1 other claim): It costs.",
        "- Runs or measurements are missing for 1 of 3 claims; `bnstudy question 3` makes them.",
        "",
        "[All numbers, and what they do not show](../experiments/q3_toy/README.md)",
        "",
        "![Question 3: is it?](../experiments/q3_toy/figure.png)",
    ]
    assert "missing" not in answer(question(3), CLAIMS[:2])
    assert "- replicates (9 other claims).\n" in answer(question(3), 9 * CLAIMS[:1])
    primary = CLAIMS[0]._replace(primary=True)
    assert (
        ": 0.01235 (0.01000 to 0.01470); measured: gain; threshold: > 0. Verdict: **replicates**"
        in answer(question(3), [primary])
    )


def test_a_page_is_renewed_between_its_marks_and_nowhere_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- verdict -->\nold\n<!-- end of verdict -->\nb\n")
    assert renew(page, "verdict", r"new \1")
    assert page.read_text() == "a\n<!-- verdict -->\nnew \\1\n<!-- end of verdict -->\nb\n"
    assert not renew(page, "verdict", r"new \1")


@pytest.mark.parametrize(
    "text", ["", "<!-- verdict -->", "<!-- end of verdict -->\n<!-- verdict -->"]
)
def test_a_page_without_marks_is_one_line(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(bnstudy.UserError, match=r"page\.md has no `<!-- verdict -->`"):
        renew(page, "verdict", "new")
    with pytest.raises(bnstudy.UserError, match="has no"):
        renew(tmp_path / "missing.md", "verdict", "new")
