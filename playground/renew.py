"""Renew what index.html shows but cannot make by itself.

    python playground/renew.py

That is the curves of the published runs, and what a reader without JavaScript sees: the pictures,
tables and formulas in the page's first state, as Chromium draws them. Everything else in the page
is written by hand.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from bnstudy.report.arms import FOUR, MEANING, designs
from bnstudy.report.runs import read
from bnstudy.run_folder.log import RESULT_COLUMNS, RunLog

PAGE = Path(__file__).with_name("index.html")
PUBLISHED = PAGE.parents[1] / "logs" / "published"
DATA = re.compile(r'(<script type="application/json" id="published">).*?(</script>)', re.DOTALL)
STILL = re.compile(
    r'<(svg|table|div|ul|figcaption)\b[^>]* id="(?:picture|table|equations|legend|caption)-\d"'
    r'[^>]*>.*?</\1>|<span class="number"[^>]*>.*?</span>',
    re.DOTALL,
)
# For the script and its tests, or of use only where the script runs.
LIVE = re.compile(
    r' (?:data-value|data-i|tabindex|aria-value\w+)="[^"]*"|(?<=") role="slider"'
    r'|(?<!"number") data-name="[^"]*"'
)
EMPTY = re.compile("></(?:line|path|circle|rect)>")


def with_published_runs(page: str, folder: Path = PUBLISHED) -> str:
    """Return the page with the curves of the published runs."""
    data = {"arms": {arm: MEANING[arm] for arm in FOUR}}
    data |= {name: published_runs(folder / name) for name in ("lite", "digits")}
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return DATA.sub(lambda found: found[1] + text + found[2], page)


def published_runs(folder: Path) -> list[dict[str, Any]]:
    """Return the kinds of runs in a folder, which differ in the seed alone, with their curves."""
    kinds = [(group.label, group.logs, _arm(group.logs[0])) for group in read([folder]).groups]
    return [
        {"label": label, "arm": arm, "runs": [_curves(log) for log in logs]}
        for label, logs, arm in kinds
        if arm in FOUR
    ]


def _arm(log: RunLog) -> str | None:
    return next((arm for design in designs([log]) for arm in design.arms), None)


def _curves(log: RunLog) -> dict[str, list[float]]:
    return {name: log.metrics[name].round(4).tolist() for name in RESULT_COLUMNS}


def with_stills(page: str, chromium: str) -> str:
    """Return the page with the pictures, tables and formulas of its first state."""
    drawn = (found[0] for found in STILL.finditer(as_drawn(page, chromium)))
    return STILL.sub(lambda _: EMPTY.sub("/>", LIVE.sub("", next(drawn))), page)


def as_drawn(page: str, chromium: str) -> str:
    """Return a page as it is after its script has run."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(page, encoding="utf-8")
        options = ["--headless=new", "--disable-gpu", f"--user-data-dir={folder}/profile"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.append("--no-sandbox")
        command = [chromium, *options, "--dump-dom", file.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Renew the page."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("the pictures are drawn by Chromium, which is not installed")
    page = PAGE.read_text(encoding="utf-8")
    renewed = with_stills(with_published_runs(page), chromium)
    PAGE.write_text(renewed, encoding="utf-8")
    print(f"{PAGE.name}: {'renewed' if renewed != page else 'was fresh'}")


if __name__ == "__main__":
    main()
