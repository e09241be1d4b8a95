"""Debian's Chromium without a window, through the options of its command line alone."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from html import escape
from pathlib import Path
from typing import Any

import pytest

PROGRAM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
needs_chromium = pytest.mark.skipif(not PROGRAM, reason="chromium is not installed")
DARK, LIGHT = 0, 1  # Blink's preferredColorScheme


def look(page: Path, *options: str, scheme: int = LIGHT) -> subprocess.CompletedProcess[str]:
    """Open a page and do what the options say; standard error has the console's messages."""
    with tempfile.TemporaryDirectory() as profile:
        return subprocess.run(
            [
                PROGRAM,
                "--headless=new",
                f"--user-data-dir={profile}",
                *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
                *("--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update"),
                *("--disable-sync", "--disable-extensions", "--hide-scrollbars"),
                "--host-resolver-rules=MAP * ~NOTFOUND",  # nor does the browser itself go anywhere
                "--enable-logging=stderr",
                f"--blink-settings=preferredColorScheme={scheme}",
                *options,
                page.resolve().as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )


def console(seen: subprocess.CompletedProcess[str]) -> list[str]:
    """Return what the page wrote to the console, errors of its own among it."""
    return [line for line in seen.stderr.splitlines() if "CONSOLE" in line]


def requests(log: Path) -> list[str]:
    """Return the addresses that a page asked for, from the file of --log-net-log."""
    events: list[dict[str, Any]] = json.loads(log.read_text(encoding="utf-8"))["events"]
    found = [event["params"] for event in events if isinstance(event.get("params"), dict)]
    # The browser's own requests, for updates and the like, have no origin.
    return [p["url"] for p in found if p.get("initiator", "not an origin") != "not an origin"]


def scroll_width(page: Path, width: int) -> int:
    """Return how wide a page's content is in a window of that width.

    The page is put into a frame, since a window may not be as narrow as a phone.
    """
    text = escape(page.read_text(encoding="utf-8"), quote=True)
    frame = page.with_name("frame.html")
    frame.write_text(
        f'<!DOCTYPE html><iframe width="{width}" height="800" style="border: 0" srcdoc="{text}" '
        'onload="document.title = this.contentDocument.documentElement.scrollWidth"></iframe>',
        encoding="utf-8",
    )
    found = re.search(r"<title>(\d+)</title>", look(frame, "--dump-dom").stdout)
    assert found, "the page was not measured"
    return int(found[1])
