"""The page in Debian's Chromium, moved by playwright's client."""

import os

import chromium_helpers
import pytest
from playground_helpers import PAGE, expected, number, read_number

# Every number that a reader can see, and what it stands for.
SHOWN = """() => [...document.querySelectorAll("[data-name]")].map(e => ({
    name: e.dataset.name, value: Number(e.dataset.value), text: e.textContent,
    x: e.tagName === "circle" ? Number(e.getAttribute("cx"))
        : e.tagName === "rect" ? Number(e.getAttribute("x")) + 4 : null}))
    .filter(e => !/^(count|epochs|first|last|seedsDiffer|lowest|highest)/.test(e.name))"""
UNITS = 33.2  # of a picture, for 1 of x, x_hat, y, dy and dx
MIDDLE = 186


@pytest.fixture(scope="session")
def chromium():
    """A browser without a window."""
    if not chromium_helpers.PROGRAM:
        pytest.skip("chromium is not installed")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_helpers.PROGRAM,
            args=["--disable-gpu", "--disable-dev-shm-usage", *["--no-sandbox"] * as_root],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def screen(chromium):
    """A page of a browser that many tests may use, one after the other."""
    return chromium.new_context(viewport={"width": 1400, "height": 900}).new_page()


@pytest.fixture
def open_page(chromium, screen):
    """A function that opens the page; afterwards, it must not have gone wrong or asked for more."""
    contexts, wrong, heard = [], [], {}

    def listen(page):
        heard[page] = {
            "pageerror": lambda error: wrong.append(str(error)),
            "console": lambda message: wrong.append(message.text),
            "request": lambda asked: asked.url.startswith("file:") or wrong.append(asked.url),
        }
        for event, function in heard[page].items():
            page.on(event, function)

    def open_it(state="", **options):
        page = screen
        if options:
            context = chromium.new_context(**{"viewport": screen.viewport_size, **options})
            contexts.append(context)
            page = context.new_page()
        if page not in heard:
            listen(page)
        page.set_default_timeout(10_000)
        page.goto("about:blank")  # else a new state alone would not load the page again
        page.goto(PAGE.resolve().as_uri() + (f"#{state}" if state else ""))
        return page

    yield open_it
    for event, function in heard.get(screen, {}).items():
        screen.remove_listener(event, function)
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def page(open_page):
    """The page as it opens, on a wide screen."""
    return open_page()


@pytest.fixture
def compare():
    """A function that compares every number of a page with Python."""

    def compare_them(page, state):
        numbers, shown = expected(state), page.evaluate(SHOWN)
        assert len(shown) > 100
        wrong, largest = [], 0.0
        for one in shown:
            right = number(numbers, one["name"])
            difference = abs(one["value"] - right) / max(1, abs(right))
            largest = max(largest, difference)
            if not difference <= 1e-12:
                wrong.append((one["name"], one["value"], right))
            if one["text"]:
                said, half = read_number(one["text"])
                assert abs(said - right) <= half * (1 + 1e-6) + 1e-12, one
            if one["x"] is not None:
                assert one["x"] == pytest.approx(MIDDLE + UNITS * right, abs=0.051), one
        assert wrong == []
        print(f"the largest difference is {largest:.1e}")  # for pytest -rP

    return compare_them
