"""Run the lessons of notebooks/ in tests."""

import os
import re
import runpy
from pathlib import Path

import pytest

pytest.importorskip("jupytext", reason="the lessons need the extra `notebooks`")
pytest.importorskip("nbclient", reason="the lessons need the extra `notebooks`")
pytest.importorskip("ipykernel", reason="the lessons need the extra `notebooks`")

import nbformat
from jupyter_client.manager import start_new_kernel
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

# Tests have these from here: the extra may be missing.
__all__ = ["nbformat", "new_code_cell", "new_markdown_cell", "new_notebook", "new_output"]

ROOT = Path(__file__).parents[1]
BUILD = runpy.run_path(str(ROOT / "notebooks" / "build.py"))
LESSONS = {lesson.stem: lesson for lesson in BUILD["lessons"]()}


def start_kernel(folder):
    """Return the manager of a kernel that runs in a folder, with this checkout's package."""
    paths = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(folder), env=environment)
    client.stop_channels()
    return manager


def small(notebook, sizes):
    """Replace `NAME = ...` at the start of a line, which must occur once, for each size."""
    for name, size in sizes.items():
        pattern = re.compile(rf"^{name} = .*$", re.MULTILINE)
        found = [cell for cell in notebook.cells if pattern.search(cell.source)]
        assert len(found) == 1, f"{name} is given a value in {len(found)} cells"
        found[0].source = pattern.sub(f"{name} = {size}", found[0].source)
    return notebook


def run(notebook, kernel):
    """Run a notebook in a kernel from which earlier names are gone; return the seconds."""
    reset = new_code_cell("%reset -f")
    BUILD["run"](new_notebook(cells=[reset]), Path.cwd(), kernel)
    return BUILD["run"](notebook, Path.cwd(), kernel)


def text_of(cell):
    """Return what a cell printed and showed as text, but for what is a figure."""
    shown = [
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for output in cell.get("outputs", [])
        if "image/png" not in output.get("data", {})
    ]
    return "".join(shown)


def lesson_text(notebook):
    """Return all text that a notebook shows."""
    return "\n".join(text_of(cell) for cell in notebook.cells)
