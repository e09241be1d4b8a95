"""The page of `bnstudy report --html` in a browser: on a phone, on a screen, and printed."""

import re
import shutil
import subprocess

import pytest
from chromium_helpers import DARK, LIGHT, console, look, needs_chromium, requests, scroll_width
from PIL import Image

from bnstudy.cli.main import main

pytestmark = [pytest.mark.thorough, needs_chromium]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where the page is."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture
def page(place, make_finished):
    """The page of runs of all arms, one of which has a long name; it is written once."""
    file = place / "page.html"
    if not file.exists():
        arms = ("a", "b", "c", "d", "c, gradients as posted")
        runs = [make_finished(arm, seed) for arm in arms for seed in (0, 1, 2)]
        runs[0].rename(runs[0].with_name("a_very_long_name_of_a_run_folder=" * 5))
        runs[0].parent.rename(place / "runs")
        assert main(["report", str(place / "runs"), "--html", str(file)]) == 0
    return file


@pytest.fixture
def careless(tmp_path):
    """A page that does what ours must not."""
    page = tmp_path / "careless.html"
    page.write_text(
        "<!DOCTYPE html><title>careless</title><div style='width: 500px'>wide</div>"
        "<img src='http://example.org/x.png'><script>console.error('oh')</script>"
    )
    return page


def test_nothing_is_asked_for_and_nothing_goes_wrong(page, careless, tmp_path):
    log = tmp_path / "net.json"
    seen = look(page, "--dump-dom", f"--log-net-log={log}")
    assert "How it was computed" in seen.stdout
    assert console(seen) == []
    assert requests(log) == []
    seen = look(careless, "--dump-dom", f"--log-net-log={log}")
    assert any('"oh"' in line for line in console(seen))
    assert "http://example.org/x.png" in requests(log)


def test_a_phone_scrolls_in_one_direction(page, careless):
    assert scroll_width(page, 390) <= 390
    text = page.read_text(encoding="utf-8")
    assert text.count("<details>") > 10
    unfolded = page.with_name("unfolded.html")
    unfolded.write_text(text.replace("<details>", "<details open>"), encoding="utf-8")
    assert scroll_width(unfolded, 390) <= 390
    assert scroll_width(careless, 390) > 390


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize(
    ("scheme", "paper"), [(LIGHT, (255, 255, 255)), (DARK, (20, 23, 28))], ids=["light", "dark"]
)
def test_a_screen_shows_text_on_the_paper_of_its_scheme(page, tmp_path, width, scheme, paper):
    file = tmp_path / "screen.png"
    look(page, f"--screenshot={file}", f"--window-size={width},3000", scheme=scheme)
    with Image.open(file) as picture:
        colors = picture.convert("RGB").getcolors(1 << 24)
        assert picture.size == (width, 3000)
    count, most = max(colors)
    assert most == paper
    assert 0.7 < count / (width * 3000) < 0.99
    assert len(colors) > 100  # smoothed text, verdicts, curves


def test_print_shows_what_is_folded_on_the_screen(page, tmp_path):
    file = tmp_path / "page.pdf"
    look(page, f"--print-to-pdf={file}", "--no-pdf-header-footer", scheme=DARK)
    assert file.read_bytes().startswith(b"%PDF")
    if not shutil.which("pdftotext"):
        pytest.skip("pdftotext is not installed")
    text = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, text=True)
    assert text.stdout.count("degrees of freedom") > 10
    assert re.search(r"seed 0 +seed 1 +seed 2 +mean", text.stdout)
    assert "bnstudy report runs --html page.html" in text.stdout
