"""notebooks/build.py: what stands in a lesson is in its notebook and in its copy."""

import re
import subprocess
import sys
import zipfile

import pytest
from notebook_helpers import (
    BUILD,
    LESSONS,
    ROOT,
    nbformat,
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)

COPIES = ROOT / "docs" / "lessons"
STALE = "run python notebooks/build.py --render {}"


@pytest.mark.parametrize("stem", LESSONS)
def test_a_notebook_is_valid_has_no_outputs_and_is_the_same_each_time(stem):
    first, second = (BUILD["load"](LESSONS[stem]) for _ in range(2))
    nbformat.validate(first)
    assert first == second
    assert not any(cell.get("outputs") for cell in first.cells)


@pytest.mark.parametrize("stem", LESSONS)
def test_a_lesson_starts_with_its_title_and_the_install_cell(stem):
    title, install = BUILD["load"](LESSONS[stem]).cells[:2]
    assert title.source.startswith(f"# Lesson {stem[0]}: ")
    assert "pip" in install.source


def test_the_address_that_is_installed_stands_in_one_place():
    holders = [p.name for p in ROOT.glob("notebooks/**/*.py") if "bnstudy-*.whl" in p.read_text()]
    assert holders == ["install.py"]


@pytest.mark.parametrize("stem", LESSONS)
def test_the_copy_that_needs_no_running_has_every_cell(stem):
    notebook = BUILD["solved"](BUILD["load"](LESSONS[stem]), BUILD["solutions"](LESSONS[stem]))
    text, position = (COPIES / f"{stem}.md").read_text(encoding="utf-8"), 0
    for piece in BUILD["pieces"](notebook):
        position = text.find(piece, position)
        assert position >= 0, f"{STALE.format(stem[0])}: {piece[:60]!r} is not in the copy"


@pytest.mark.parametrize("stem", LESSONS)
def test_the_copy_shows_its_figures_once_each_and_no_others_are_kept(stem):
    text = (COPIES / f"{stem}.md").read_text(encoding="utf-8")
    kept = sorted(path.name for path in (COPIES / "figures").glob(f"{stem}_*.png"))
    assert [text.count(f"(figures/{name})") for name in kept] == [1] * len(kept)
    assert text.count("](figures/") == len(kept)
    assert kept, "a lesson without a figure?"


def test_the_list_of_lessons_has_each_of_them():
    index = (COPIES / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \[.*?\]\((.*?)\.md\)", index, re.MULTILINE) == list(LESSONS)


def test_every_solution_belongs_into_a_blank():
    for stem, lesson in LESSONS.items():
        notebook = BUILD["load"](lesson)
        answers = BUILD["solutions"](lesson)
        filled = BUILD["solved"](notebook, answers)
        assert sum("blank" in cell.metadata for cell in filled.cells) == len(answers), stem
        assert not any("blank" in cell.metadata for cell in notebook.cells)


def test_a_blank_and_its_solution_are_both_in_the_copy():
    cell = new_code_cell("def f():\n    return 1")
    cell.metadata["blank"] = "def f():\n    return None"
    text, figures = BUILD["as_markdown"](new_notebook(cells=[cell]), "0_x")
    assert text.index("return None") < text.index("<details>") < text.index("return 1")
    assert figures == {}


def test_outputs_become_text_and_figures_become_files():
    shown = new_output("display_data", {"image/png": "aGk=", "text/plain": "<Figure>"})
    printed = new_output("stream", text="cost 0.5\n")
    value = new_output("execute_result", {"text/plain": "42"})
    cell = new_code_cell("x", outputs=[printed, value, shown, printed])
    text, figures = BUILD["as_markdown"](new_notebook(cells=[cell]), "0_x")
    assert figures == {"0_x_1.png": b"hi"}
    _, *parts = text.split("\n\n")
    assert parts == [
        "```python\nx\n```",
        "```text\ncost 0.5\n42\n```",
        "![What the cell above draws](figures/0_x_1.png)",
        "```text\ncost 0.5\n```\n",
    ]
    assert "<Figure>" not in text


def test_a_formula_becomes_one_that_github_shows():
    cell = new_markdown_cell("Two:\n$$y = x$$\n$$z =\ny$$\nand $w$.")
    text, _ = BUILD["as_markdown"](new_notebook(cells=[cell]), "0_x")
    assert text.count("```math\n") == 2
    assert "```math\nz =\ny\n```" in text
    assert "$$" not in text
    assert "and $w$." in text


def test_the_install_cell_says_what_is_missing_where_there_is_no_wheel(tmp_path):
    install = BUILD["load"](LESSONS["2_backprop_by_hand"]).cells[1].source
    ended = subprocess.run(  # -I -S: without any installed package
        [sys.executable, "-I", "-S", "-c", install], cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.returncode == 1
    last = "FileNotFoundError: put bnstudy-*.whl beside this notebook, then run this cell again"
    assert ended.stderr.splitlines()[-1] == last


def test_what_a_lesson_names_is_in_the_release_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: None)  # the wheel takes seconds
    BUILD["write_release"](tmp_path / "release")
    held = [str(path.relative_to(tmp_path / "release")) for path in tmp_path.rglob("*.*")]
    for path in LESSONS.values():
        for name in re.findall(r"`((?:docs|solutions)/[\w.]+)`", path.read_text(encoding="utf-8")):
            assert name in held, f"{path.name} names {name}"
    assert "docs/backprop.md" in held  # which hints name


@pytest.mark.full_size
def test_the_release_folder_installs_itself_in_a_fresh_environment(tmp_path):
    """The install cell finds the wheel beside the notebook; nothing else is installed by hand."""
    release = tmp_path / "release"
    BUILD["write_release"](release)
    (wheel,) = release.glob("*.whl")
    assert "bnstudy/data/digits.npz" in zipfile.ZipFile(wheel).namelist()
    assert len(list(release.glob("*.ipynb"))) == len(LESSONS)
    assert list(release.glob("published/*/*/result.json"))
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "fresh"], check=True)
    install = BUILD["load"](LESSONS["2_backprop_by_hand"]).cells[1].source
    code = f"{install}\nimport bnstudy\nprint(bnstudy.__file__)"
    python = tmp_path / "fresh" / "bin" / "python"
    ended = subprocess.run(
        [python, "-I", "-c", code], cwd=release, capture_output=True, text=True, check=True
    )
    assert str(tmp_path / "fresh") in ended.stdout
