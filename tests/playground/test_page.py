"""The page as a file: its size, its equations, its colours, and that it needs nothing else."""

import re
from pathlib import Path

import pytest
from page_helpers import Page
from playground_helpers import PAGE

ROOT = Path(__file__).parents[2]
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page():
    """The page's elements, without its scripts."""
    return Page(re.sub(r"<script\b.*?</script>", "", TEXT, flags=re.DOTALL))


def test_it_is_one_file_under_150_kilobytes():
    assert 50_000 < len(TEXT.encode()) < 150_000


def test_it_asks_for_nothing(page):
    policy = next(
        e.attributes["content"]
        for e in page.all("meta")
        if "content" in e.attributes and "default-src" in e.attributes["content"]
    )
    assert policy.startswith("default-src 'none';")
    for address in page.values("src", "href"):
        assert address.startswith(("#", "data:,"))
    assert re.findall(r"https?:|@import|url\(", TEXT) == []


def test_each_number_of_an_equation_is_in_the_derivations():
    derived = set(re.findall(r"\\tag\{(\d+[a-e]?)\}", (ROOT / "docs/backprop.md").read_text()))
    prose = set(re.findall(r"\((\d\d[a-e]?)\)", TEXT))
    formulas = set(re.findall(r'equation\("(\d+[a-e]?)"', TEXT))
    assert len(formulas) > 12
    assert prose | formulas <= derived
    assert formulas >= {
        *[
            "10",
            "11",
            "12",
            "13",
            "14",
            "15",
            "16",
            "17a",
            "17b",
            "17c",
            "17d",
            "17e",
            "17",
            "18",
            "19",
            "20",
            "21",
        ]
    }


def test_every_stop_has_text_a_still_picture_or_formulas_and_a_question(page):
    stops = [e for e in page.all("section") if e.attributes["id"].startswith("stop-")]
    assert len(stops) == 6
    for stop in stops:
        kinds = [e.tag for e in stop.inside]
        assert kinds.index("p") < kinds.index("fieldset")
        questions = [e for e in stop.inside if e.attributes.get("class") == "guess"]
        assert questions
        for question in questions:
            answers = [e.attributes["value"] for e in question.inside if e.tag == "input"]
            assert question.attributes["data-right"] in answers
            revealed = next(e for e in question.inside if e.tag == "details")
            right = next(e for e in question.inside if e.tag == "strong")
            assert right in revealed.inside
        drawn = [e for e in stop.inside if e.tag in ("math", "path", "circle", "line")]
        assert len(drawn) > 10


def test_every_control_has_a_name_and_every_picture_a_description(page):
    labelled = {id(e) for label in page.all("label") for e in label.inside}
    for control in page.all("input", "select"):
        assert id(control) in labelled
    for button in page.all("button"):
        assert button.text.strip()
    for svg in page.all("svg"):
        assert "aria-label" in svg.attributes or svg.attributes["aria-hidden"] == "true"


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_and_marks_stand_out_from_the_paper(scheme):
    pairs = re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\)", TEXT)
    color = {name: both[scheme] for name, *both in pairs}
    for back in ("paper", "raised"):
        for name in ("ink", "muted", "link", "x", "xhat", "y", "dy", "right", "wrong"):
            assert contrast(color[name], color[back]) >= 4.5, (name, back)
    for name in ("x", "xhat", "y", "dy", "ink"):
        assert contrast(color[name], color["band"]) >= 3, name
    assert contrast(color["edge"], color["paper"]) >= 3


def test_older_browsers_get_the_light_colours():
    fallback = TEXT.partition("@supports not")[2].partition("}\n")[0]
    light = dict(re.findall(r"--(\w+): light-dark\((#\w{6}),", TEXT))
    assert dict(re.findall(r"--(\w+): (#\w{6})", fallback)) == light
