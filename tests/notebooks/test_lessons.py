"""Every lesson runs, shows each figure once, and shows the numbers that its text names."""

import re

import numpy as np
import pytest
from notebook_helpers import BUILD, LESSONS, ROOT, lesson_text, run, small

import bnstudy

TRAINING = {"EPOCHS": 1, "LIMIT": 64}
SMALL = {
    "1_three_cases": TRAINING,
    "3_moving_averages": TRAINING,
    "4_amsgrad": {},
    "5_five_questions": {**TRAINING, "SEEDS": [0]},
    "6_authors_code": TRAINING,
}  # lesson 2 has a test file of its own
FIGURES = {
    "1_three_cases": 2,
    "3_moving_averages": 3,
    "4_amsgrad": 2,
    "5_five_questions": 2,
    "6_authors_code": 1,
}


@pytest.fixture(scope="module")
def finished(kernel):
    """Run each lesson once, when a test first asks for it."""
    notebooks = {}

    def finish(stem):
        if stem not in notebooks:
            notebooks[stem] = small(BUILD["load"](LESSONS[stem]), SMALL[stem])
            run(notebooks[stem], kernel)
        return notebooks[stem]

    return finish


def figures_of(cell):
    return [o for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]


def test_every_lesson_is_run_by_a_test():
    assert {*SMALL, "2_backprop_by_hand"} == set(LESSONS)


@pytest.mark.parametrize("stem", SMALL)
def test_a_lesson_runs_and_shows_each_figure_once(finished, stem):
    shown = [len(figures_of(cell)) for cell in finished(stem).cells]
    assert sum(shown) == FIGURES[stem]
    assert max(shown) == 1


@pytest.mark.parametrize("stem", SMALL)
def test_a_lesson_shows_no_messages_of_tensorflow_and_no_bars(finished, stem):
    """Progress is whole lines: a bar would leave a trail of them in a notebook."""
    text = lesson_text(finished(stem))
    assert not re.search(r"^[IWE]\d{4} |absl::|\r|█", text, re.MULTILINE)


def test_lesson_1_trains_each_case_once_and_names_the_wrong_key(finished):
    text = lesson_text(finished("1_three_cases"))
    assert len(re.findall(r"^epoch 1/1: ", text, re.MULTILINE)) == 4  # three cases and its own
    assert "unknown key 'training.epoch'; did you mean 'training.epochs'?" in text


def test_lesson_1_shows_the_published_accuracies():
    rows = re.findall(r"\| ([abc]) \| ([\d., ]+) \|", LESSONS["1_three_cases"].read_text())
    assert [case for case, _ in rows] == ["a", "b", "c"]
    for case, values in rows:
        folders = [f"case-{case}_quick_seed-{seed}" for seed in range(3)]
        logs = [bnstudy.load_log(ROOT / "logs/published/digits" / folder) for folder in folders]
        published = [log.result["test_accuracy"] for log in logs]
        assert values == ", ".join(f"{accuracy:.3f}" for accuracy in published)
        assert {len(log.metrics["epoch"]) for log in logs} == {10}


def test_lesson_3_agrees_with_the_library_and_finds_that_the_published_values_are_no_pairs(
    finished,
):
    text = lesson_text(finished("3_moving_averages"))
    found = re.search(r"bnstudy ([\d.]+) and ([\d.]+); ours ([\d.]+), ([\d.]+)", text).groups()
    assert found[:2] == found[2:]
    assert "from 1: 2.94 corrected is 4.06; published is 3.89" in text
    assert "from 9: 5.79 corrected is 3.94; published is 4.08" in text


def test_lesson_3_has_the_same_training_with_and_without_the_correction(finished):
    text = lesson_text(finished("3_moving_averages"))
    raw, corrected = re.findall(r"debias \w+ *: training (\[.*?\]), test (\[.*?\])", text)
    assert raw[0] == corrected[0]


def test_lesson_4_ends_where_its_text_says(finished):
    text = lesson_text(finished("4_amsgrad"))
    assert re.findall(r"(\w+) ends at (.+)", text) == [("Adam", "1.000"), ("AMSGrad", "-0.985")]
    steps = dict(re.findall(r"^(\w+) +first step ([\d.]+),", text, re.MULTILINE))
    assert steps == {"paper": "3.16", "keras": "1.00", "optax": "1.00", "as_posted": "3.16"}
    assert "our own `amsgrad` above: first step 3.16" in text
    assert "Keras's is 7.2 times optax's" in text


def test_lesson_5_shows_every_question_and_the_published_runs_of_the_three_cases(finished):
    text = lesson_text(finished("5_five_questions"))
    assert len(re.findall(r"^Question [1-5]: ", text, re.MULTILINE)) == 5
    shown = [ROOT / "logs/published" / name for name in ("lite", "digits")]
    folders = [run for folder in shown for run in folder.glob("*/")]
    assert folders
    for folder in folders:
        result = bnstudy.load_log(folder).result
        numbers = [f"{result[f'{split}_accuracy']:.4f}" for split in ("train", "test")]
        assert f"{folder.name} " in text
        (row,) = {line for line in text.splitlines() if line.split()[:1] == [folder.name]}
        assert row.split()[1:3] == numbers


def test_the_copy_of_lesson_5_has_the_verdicts_and_the_runs_that_are_published_now(capsys):
    cells = BUILD["load"](LESSONS["5_five_questions"]).cells
    names = {}
    for start in ("import json", "from collections import Counter", "from pathlib import Path"):
        (source,) = [cell.source for cell in cells if cell.source.startswith(start)]
        exec(source, names)
    copy = (ROOT / "docs/lessons/5_five_questions.md").read_text(encoding="utf-8")
    missing = set(capsys.readouterr().out.splitlines()) - set(copy.splitlines())
    assert missing == set(), "run python notebooks/build.py --render 5"


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [([0.2, 0.5], "holds"), ([0.19, 0.5], "undecided"), ([-0.5, 0.19], "fails")],
)
def test_lesson_5_judges_by_its_threshold_alone(differences, verdict):
    cells = BUILD["load"](LESSONS["5_five_questions"]).cells
    (rule,) = [cell.source for cell in cells if "def judge" in cell.source]
    names = {}
    exec(rule, names)
    assert names["judge"](differences, names["THRESHOLD"]) == verdict


def test_lesson_6_finds_the_three_mistakes_and_amsgrad_hides_a_constant_factor(finished):
    text = lesson_text(finished("6_authors_code"))
    assert "first wrong, in the order of the backward pass: cost, dx; by hand is alone" in text
    assert text.count("for x > 0 the slope is 2, not 1") == 2  # in the network, and alone
    assert "a constant factor of 4: " in text
    assert "not divided by N" in text
    weights = re.search(r"AMSGrad +right \[(.*?)\] +times 3,200 \[(.*?)\]", text).groups()
    right, large = (np.array(list(map(float, w.split()))) for w in weights)
    np.testing.assert_allclose(right, large)


@pytest.mark.full_size
@pytest.mark.parametrize("stem", LESSONS)
def test_a_lesson_runs_at_full_size_with_its_solutions(tmp_path, stem, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.setenv("BNSTUDY_XLA", "1")  # as a student has it
    notebook = BUILD["solved"](BUILD["load"](LESSONS[stem]), BUILD["solutions"](LESSONS[stem]))
    BUILD["run"](notebook, tmp_path)  # raises where a cell does
