"""Make the notebooks of the lessons, and the copies that can be read without running anything.

    python notebooks/build.py            build/notebooks/: the notebooks, and what they need
    python notebooks/build.py --render   docs/lessons/: run every lesson, and renew its copy
    python notebooks/build.py --render 2 the same of lesson 2 alone

The lessons are the numbered .py files beside this one, in jupytext's percent form, and solutions/
has what belongs into their blanks. Only these are edited. Needs the extra `notebooks`.
"""

import argparse
import base64
import copy
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RELEASE = ROOT / "build" / "notebooks"
COPIES = ROOT / "docs" / "lessons"
BLANK = re.compile(r"^def (\w+)", re.MULTILINE)
NAMED = re.compile(r"docs/(\w+\.md)")
FORMULA = re.compile(r"^\$\$(.+?)\$\$$", re.MULTILINE | re.DOTALL)
SECONDS = 600  # for one cell


def lessons() -> list[Path]:
    """Return the files of the lessons, in their order."""
    return sorted(HERE.glob("[0-9]_*.py"))


def load(lesson: Path) -> NotebookNode:
    """Return a lesson as a notebook without outputs; the install cell follows the introduction."""
    notebook = jupytext.read(lesson, fmt="py:percent")
    install = nbformat.v4.new_code_cell((HERE / "install.py").read_text(encoding="utf-8").strip())
    notebook.cells.insert(1, install)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"{lesson.stem[0]}-{number}"  # else random
    notebook.metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
    }
    return notebook


def solutions(lesson: Path) -> dict[str, str]:
    """Return the functions that belong into a lesson's blanks, by name."""
    file = HERE / "solutions" / lesson.name
    cells = jupytext.read(file, fmt="py:percent").cells if file.exists() else []
    return {name: cell.source for cell in cells if (name := _name(cell))}


def documents() -> list[str]:
    """Return the files of docs/ that a lesson or one of its hints names."""
    text = "".join(lesson.read_text(encoding="utf-8") for lesson in lessons())
    return sorted({"backprop.md", *NAMED.findall(text)})


def solved(notebook: NotebookNode, answers: dict[str, str]) -> NotebookNode:
    """Return a notebook with its blanks filled in; each such cell keeps the blank as metadata."""
    filled = copy.deepcopy(notebook)
    for cell in filled.cells:
        if _name(cell) in answers:
            cell.metadata["blank"], cell.source = cell.source, answers[_name(cell)]
    return filled


def run(notebook: NotebookNode, folder: Path, kernel: object = None) -> float:
    """Run a notebook in place, in a folder; return the seconds.

    Args:
        notebook: its cells receive the outputs.
        folder: the working folder of a new kernel.
        kernel: the manager of a running one, to be used instead.

    """
    start = time.monotonic()
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, km=kernel, timeout=SECONDS, resources=resources).execute()
    return time.monotonic() - start


def pieces(notebook: NotebookNode) -> list[str]:
    """Return each cell as Markdown, without its outputs."""
    return [_source(cell) for cell in notebook.cells]


def as_markdown(notebook: NotebookNode, stem: str) -> tuple[str, dict[str, bytes]]:
    """Return a lesson that was run as Markdown, and its figures by file name."""
    figures: dict[str, bytes] = {}
    blocks = [f"<!-- Made by `python notebooks/build.py --render` of notebooks/{stem}.py. -->"]
    for cell, piece in zip(notebook.cells, pieces(notebook), strict=True):
        blocks += [piece, *_outputs(cell, stem, figures)]
    return "\n\n".join(block for block in blocks if block) + "\n", figures


def _name(cell: NotebookNode) -> str | None:
    found = BLANK.match(cell.source)
    return found[1] if found and cell.cell_type == "code" else None


def _source(cell: NotebookNode) -> str:
    if cell.cell_type != "code":
        return FORMULA.sub(r"\n```math\n\1\n```\n", cell.source)  # which GitHub reads most reliably
    if "blank" not in cell.metadata:
        return _fenced("python", cell.source)
    solution = f"<details><summary>A solution</summary>\n\n{_fenced('python', cell.source)}"
    return f"{_fenced('python', cell.metadata['blank'])}\n\n{solution}\n\n</details>"


def _outputs(cell: NotebookNode, stem: str, figures: dict[str, bytes]) -> Iterator[str]:
    """Yield the outputs of a cell as Markdown, texts that follow each other as one; add figures."""
    text = ""
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "image/png" not in data:
            text += output.get("text") or data.get("text/plain", "")
            continue
        if text:
            yield _fenced("text", text.rstrip())
        name, text = f"{stem}_{len(figures) + 1}.png", ""
        figures[name] = base64.b64decode(data["image/png"])
        yield f"![What the cell above draws](figures/{name})"
    if text:
        yield _fenced("text", text.rstrip())


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def write_release(folder: Path = RELEASE) -> None:
    """Write the notebooks, with what they need beside them."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "docs").mkdir(parents=True)
    for lesson in lessons():
        nbformat.write(load(lesson), folder / f"{lesson.stem}.ipynb")
    for name in documents():
        shutil.copy(ROOT / "docs" / name, folder / "docs")
    shutil.copytree(HERE / "solutions", folder / "solutions")
    without = shutil.ignore_patterns("*.png", "bench", "checkpoints")
    shutil.copytree(ROOT / "logs" / "published", folder / "published", ignore=without)
    wheel = ["wheel", "-q", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, "-m", "pip", *wheel], check=True)


def render(lesson: Path) -> float:
    """Run a lesson, and renew its copy and its figures; return the seconds that it ran."""
    notebook = solved(load(lesson), solutions(lesson))
    with tempfile.TemporaryDirectory() as folder:
        seconds = run(notebook, Path(folder))
    text, figures = as_markdown(notebook, lesson.stem)
    (COPIES / "figures").mkdir(parents=True, exist_ok=True)
    for old in (COPIES / "figures").glob(f"{lesson.stem}_*.png"):
        old.unlink()
    for name, data in figures.items():
        (COPIES / "figures" / name).write_bytes(data)
    (COPIES / f"{lesson.stem}.md").write_text(text, encoding="utf-8")
    return seconds


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--render", nargs="*", metavar="N", help="run lessons; all, or some")
    options = parser.parse_args()
    if options.render is None:
        write_release()
        print(f"wrote {RELEASE.relative_to(ROOT)}")
        return
    for lesson in lessons():
        if not options.render or lesson.stem[0] in options.render:
            print(f"{lesson.stem}: {render(lesson):.0f} s", flush=True)


if __name__ == "__main__":
    main()
