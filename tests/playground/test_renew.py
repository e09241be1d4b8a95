"""What playground/renew.py writes into the page is what is published, and what the page draws."""

import json
import re
import runpy
from itertools import zip_longest
from pathlib import Path

import chromium_helpers
import numpy as np
from playground_helpers import PAGE, script

import bnstudy

RENEW = runpy.run_path(str(PAGE.with_name("renew.py")))
PUBLISHED = Path(__file__).parents[2] / "logs" / "published"
TEXT = PAGE.read_text(encoding="utf-8")
STALE = "run python playground/renew.py"


def stale_lines(fresh):
    """Return the numbers of the lines that differ from the page's; the page is long."""
    lines = zip_longest(fresh.splitlines(), TEXT.splitlines())
    return [n for n, (a, b) in enumerate(lines, 1) if a != b]


def test_the_curves_are_those_of_the_published_runs():
    assert stale_lines(RENEW["with_published_runs"](TEXT, PUBLISHED)) == [], STALE


def test_every_published_run_of_the_three_cases_and_its_last_epoch_are_there():
    data = json.loads(script("published"))
    for name in ("lite", "digits"):
        kinds = data[name]
        assert {kind["arm"] for kind in kinds} >= {"a", "b", "c"}
        last = sorted(run["test_accuracy"][-1] for kind in kinds for run in kind["runs"])
        folders = [path.parent for path in (PUBLISHED / name).rglob("result.json")]
        results = [bnstudy.load_log(folder).result["test_accuracy"] for folder in folders]
        np.testing.assert_allclose(last, sorted(results), atol=0.5e-4)


def test_what_the_last_answer_says_is_so():
    runs = [kind["runs"] for kind in json.loads(script("published"))["lite"]]
    ends = [[run["test_accuracy"][-1] for run in kind] for kind in runs]
    means = [np.mean(end) for end in ends]
    answer = TEXT.partition("<strong>By 0.001 and more.</strong>")[2].partition("</p>")[0]
    said = [float(number) for number in re.findall(r">(0\.\d+)<", answer)]
    assert said == [round(v, 4) for v in (max(map(np.ptp, ends)), min(means), max(means))]
    assert said[0] >= 0.001


@chromium_helpers.needs_chromium
def test_the_still_pictures_are_those_of_the_page_at_its_start():
    assert stale_lines(RENEW["with_stills"](TEXT, chromium_helpers.PROGRAM)) == [], STALE


@chromium_helpers.needs_chromium
def test_stills_that_are_missing_are_drawn_again():
    bare = re.sub(r'(<table id="table-1">).*?(</table>)', r"\1\2", TEXT, flags=re.DOTALL)
    assert len(bare) < len(TEXT) - 300
    assert stale_lines(RENEW["with_stills"](bare, chromium_helpers.PROGRAM)) == []
