"""The questions are the folders experiments/qN_name."""

import json
import tomllib
from pathlib import Path

import pytest

import bnstudy
from bnstudy.questions import find, page
from bnstudy.questions.claims import Claim
from bnstudy.sweep import load_plan


def test_every_question_of_this_repository_keeps_the_contract():
    """A heading with its number, three functions, and runs that go to its own folder."""
    assert [each.number for each in find.questions()] == sorted(
        {each.number for each in find.questions()}
    )
    for each in find.questions():
        assert each.title.startswith(f"Question {each.number}")
        assert "<!-- verdict -->" in (each.folder / "README.md").read_text(encoding="utf-8")
        assert each.analysis().__doc__
        for run in load_plan(each.plan) if each.plan else ():
            assert run.folder.parent.as_posix() == f"logs/questions/{each.name}"


@pytest.mark.parametrize("each", find.questions(), ids=lambda each: each.name)
def test_the_pages_show_the_committed_verdict(each):
    """Made by `bnstudy question N --write`; before that, there is none."""
    path = each.folder / "verdict.json"
    if not path.is_file():
        pytest.skip("not answered yet")
    claims = [
        Claim(**{**claim, "interval": claim["interval"] and tuple(claim["interval"])})
        for claim in json.loads(path.read_text(encoding="utf-8"))["claims"]
    ]
    answers = each.folder.parents[1] / "docs" / "answers.md"
    for shown, mark, text in (
        (each.folder / "README.md", "verdict", page.table(claims)),
        (answers, f"answer {each.number}", page.answer(each, claims)),
    ):
        expected = f"<!-- {mark} -->\n{text}\n<!-- end of {mark} -->"
        assert expected in shown.read_text(encoding="utf-8")


def test_an_unknown_question_is_one_line(toy):
    with pytest.raises(
        bnstudy.UserError, match=r"^there is no question 7; the questions are 3 \(to"
    ):
        find.question(7)


@pytest.mark.parametrize("missing", find.PARTS)
def test_an_analysis_without_one_of_its_functions_is_refused(toy, missing):
    text = (toy / "analysis.py").read_text()
    (toy / "analysis.py").write_text(text.replace(f"def {missing}(", "def other("))
    with pytest.raises(TypeError, match=f"has no function {missing}"):
        find.question(3).analysis()


def test_only_a_checkout_can_be_written_to(toy, tmp_path):
    assert find.checkout() == tmp_path
    (tmp_path / "pyproject.toml").unlink()
    assert find.checkout() is None


def test_the_experiments_are_part_of_the_wheel():
    """As the configurations are, in the folder where an installed copy looks for them."""
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    wheel = tomllib.loads(text)["tool"]["hatch"]["build"]["targets"]["wheel"]
    package = Path(find.__file__).parents[1]
    assert wheel["force-include"]["experiments"] == f"{package.name}/experiments"
    assert find.experiments_dir().name == "experiments"


def test_files_of_one_name_in_two_folders_are_two_modules(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "part.py").write_text(f"WHERE = {folder!r}\n")
    one, two = (find.load_file(tmp_path / folder / "part.py") for folder in ("one", "two"))
    assert (one.WHERE, two.WHERE) == ("one", "two")
