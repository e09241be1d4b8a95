"""Tables in Markdown pages, renewed from the run folders that they name."""

import pytest

from bnstudy.errors import UserError
from bnstudy.report.pages import renewed, write
from bnstudy.report.report import make_report

PAGE = """# Title

<!-- report results: runs -->
old
<!-- end of report -->

Between.

<!-- report verdicts provenance: runs/../runs -->
<!-- end of report -->
The end.
"""


@pytest.fixture
def page(make_finished, tmp_path):
    for arm in "ab":
        make_finished(arm, 0)
    (tmp_path / "page.md").write_text(PAGE)
    return tmp_path / "page.md"


def test_each_table_is_made_of_the_runs_that_its_mark_names(page):
    text = renewed(page)
    report = make_report([page.parent / "runs"])
    before, after = PAGE.split("old")
    assert text.startswith(
        before + report.markdown(["results"]) + "\n<!-- end of report -->\n\nBet"
    )
    assert report.markdown(["verdicts", "provenance"]) in text
    assert text.endswith(after[-len("<!-- end of report -->\nThe end.\n") :])
    page.write_text(text)
    assert renewed(page) == text


def test_writing_says_whether_the_page_has_changed(page, capsys):
    for _ in range(2):
        write(page)
    assert capsys.readouterr().out == f"{page}: renewed\n{page}: up to date\n"
    assert "old" not in page.read_text()


def test_a_page_keeps_its_ends_of_lines(page):
    page.write_bytes(PAGE.replace("\n", "\r\n").encode())
    write(page)
    content = page.read_bytes()
    assert b"old" not in content
    assert content.count(b"\n") == content.count(b"\r\n") > 20


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no marks", "has no table to renew"),
        ("\n<!-- report results: runs -->\n", "line 2: no '<!-- end of report -->' follows"),
        (PAGE.replace("<!-- end of report -->", "", 1), "line 3: no '<!-- end of"),
        (PAGE.replace("results", "result"), "line 3: must be `report`, some of results, prov"),
        (PAGE.replace("results: runs", "results: "), "line 3: must be `report`"),
        (PAGE.replace(" results", " "), "line 3: must be `report`"),
        (PAGE.replace(": runs -->", ": nowhere -->"), "nowhere: no such folder"),
    ],
)
def test_a_wrong_mark_is_one_line_and_the_page_stays(page, text, says):
    page.write_text(text)
    with pytest.raises(UserError) as caught:
        write(page)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert page.read_text() == text


def test_a_page_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*nowhere\.md: No such file"):
        renewed(tmp_path / "nowhere.md")
    (tmp_path / "latin.md").write_bytes(b"\xe9")
    with pytest.raises(UserError, match=r"cannot read .*latin\.md"):
        renewed(tmp_path / "latin.md")
