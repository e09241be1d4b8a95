"""Damage the code on purpose, one line at a time, and see the named test fail.

    python tests/mutations.py               all rows, about five minutes on two cores
    python tests/mutations.py WORD ...      the rows whose mistake or file contains one of the words
    python tests/mutations.py --passed      the tests have just passed on undamaged code
    python tests/mutations.py --seconds N   as many rows as fit, in random order

A test that passes on damaged code proves nothing. The rows are in the files mutations.py beside the
tests that they name:

    MUTATIONS = [(mistake, file below src/bnstudy, right, wrong, test), ...]

`right` occurs once in the file and is replaced by `wrong`. First, all named tests must pass on the
undamaged code. A mistake is caught if its test then fails with an assertion (or because an expected
exception is not raised); any other error would only show that the damaged code does not run. At the
end stand the rows that took longest. Exits with 1 if a mistake goes unnoticed.
"""

import argparse
import gc
import multiprocessing
import os
import random
import re
import runpy
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
TIMEOUT = 120  # seconds for one row
SLOWEST = 10  # rows named at the end
# Forks of one process that has imported what is slow to import, and nothing of ours.
PROCESSES = multiprocessing.get_context("forkserver")
PRELOADED = ["tensorflow", "keras", "matplotlib.figure", "scipy.stats", "scipy.sparse.linalg"]
PRELOADED += ["hypothesis", "pydantic", "pytest"]
ASSERTION = re.compile(r"assert |AssertionError|Failed: DID NOT RAISE")


class Mutation(NamedTuple):
    """One mistake."""

    mistake: str
    file: str
    right: str
    wrong: str
    test: str


def load_rows(words: list[str]) -> list[Mutation]:
    """Return the rows of all tables that contain one of the words, if any are given."""
    tables = sorted(ROOT.glob("tests/*/**/mutations.py"))
    rows = [Mutation(*row) for table in tables for row in runpy.run_path(str(table))["MUTATIONS"]]
    return [row for row in rows if not words or any(w in row.mistake + row.file for w in words)]


def stale(row: Mutation) -> str | None:
    """Return what is wrong with a row, if it no longer fits the code or the tests."""
    file, (test_file, _, test) = ROOT / "src/bnstudy" / row.file, row.test.partition("::")
    if not file.is_file():
        return f"there is no src/bnstudy/{row.file}"
    if (count := file.read_text().count(row.right)) != 1:
        return f"{row.file} contains {row.right!r} {count} times, must be once"
    if not (ROOT / test_file).is_file():
        return f"there is no {test_file}"
    if f"def {test.partition('[')[0]}(" not in (ROOT / test_file).read_text():
        return f"{test_file} has no test {test!r}"
    return None


def run_pytest(source: Path, arguments: list[str]) -> None:
    """Run tests on the code in a folder, in a process of its own."""
    import pytest

    gc.freeze()  # pytest collects garbage, half a second each time among all that is imported
    os.chdir(ROOT)
    with open(source.with_name("output.txt"), "w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ |= {"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    sys.path.insert(0, str(source))
    sys.dont_write_bytecode = True
    sys.exit(pytest.main(["-x", "-p", "no:cacheprovider", "-m", "", "--tb=native", *arguments]))


def failure_of(row: Mutation | None, *arguments: str, timeout: float | None = None) -> str | None:
    """Run tests on a copy of the code, which is damaged if a row is given.

    Args:
        row: the mistake.
        arguments: of pytest.
        timeout: in seconds.

    Returns:
        None if they pass, else the message of the first failure.

    """
    with tempfile.TemporaryDirectory() as folder:
        source, report = Path(folder, "src"), Path(folder, "report.xml")
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("configs", "playground"):
            shutil.copytree(ROOT / name, Path(folder, name))
        if row is not None:
            file = source / "bnstudy" / row.file
            file.write_text(file.read_text().replace(row.right, row.wrong))
        process = PROCESSES.Process(
            target=run_pytest, args=(source, [f"--junitxml={report}", *arguments])
        )
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            return f"no result after {timeout:.0f} s"
        if process.exitcode == 0:
            return None
        failure = ElementTree.parse(report).find(".//failure") if report.exists() else None
        if failure is None:
            return Path(folder, "output.txt").read_text()
        return failure.get("message", "")


def missed(row: Mutation) -> str | None:
    """Return None if the row's test notices the mistake, else why not."""
    if reason := stale(row):
        return reason
    message = failure_of(row, "-n0", row.test, timeout=TIMEOUT)
    if message is None:
        return "the test passes"
    return None if ASSERTION.match(message) else f"not an assertion: {message[-2000:]}"


def main() -> int:
    """Run the tests on undamaged code, unless they have passed; try the rows, two at a time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="*")
    parser.add_argument("--passed", action="store_true")
    parser.add_argument("--seconds", type=float)
    options = parser.parse_args()
    ends = time.monotonic() + options.seconds if options.seconds is not None else float("inf")
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "1"}  # as in a run
    PROCESSES.set_forkserver_preload(PRELOADED)
    rows = load_rows(options.words)
    tests = sorted({row.test for row in rows if not stale(row)})
    if not tests or (not options.passed and (message := failure_of(None, *tests)) is not None):
        print(f"no test to run, or it fails on undamaged code:\n{message if tests else rows}")
        return 1
    if options.seconds is not None:
        random.shuffle(rows)

    def attempt(row: Mutation) -> tuple[bool, float] | None:
        if time.monotonic() > ends:
            return None
        start = time.perf_counter()
        reason = missed(row)
        print(f"{'MISSED' if reason else 'caught'}: {row.mistake} ({row.test})", flush=True)
        if reason:
            print(f"    {reason}", flush=True)
        return reason is None, time.perf_counter() - start

    with ThreadPoolExecutor(max_workers=2) as pool:
        tried = [(*r, row) for r, row in zip(pool.map(attempt, rows), rows, strict=True) if r]
    for _, took, row in sorted(tried, key=lambda r: -r[1])[:SLOWEST]:
        print(f"{took:5.1f} s: {row.mistake} ({row.test})")
    caught = sum(caught for caught, _, _ in tried)
    left = f"; {len(rows) - len(tried)} left out for want of time" if len(tried) < len(rows) else ""
    print(f"{caught} of {len(tried)} mutations caught{left}")
    return 0 if tried and caught == len(tried) else 1


if __name__ == "__main__":
    sys.exit(main())
