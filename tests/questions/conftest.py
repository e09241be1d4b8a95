"""A question on made-up runs, in a checkout of its own."""

import json

import pytest

from bnstudy.config.load import load_config
from bnstudy.questions import find, speed
from bnstudy.run_folder.log import read_metrics, result_from

PLAN = """
out: logs/questions/q3_toy
grid: {case: [c], preset: [quick], seed: [0, 1], model.width: [0.05], training.epochs: [1],
       data.train_limit: [40], data.test_limit: [20]}
"""
KEYS = {
    "model.width": 0.05,
    "training.epochs": 1,
    "data.train_limit": 40,
    "data.test_limit": 20,
}
ANALYSIS = """
from matplotlib.figure import Figure
from bnstudy.questions.claims import Claim, verdict
from bnstudy.questions.kept import kept
from bnstudy.run_folder.log import load_log


def evaluations(config):
    return {"double.json": 1000}


def measure(runs):
    def double(run):
        return {"accuracy": 2 * load_log(run).result["test_accuracy"]}

    return {"found": [kept(run, "double.json", lambda run=run: double(run)) for run in runs]}


def judge(measured):
    values = [each["accuracy"] for each in measured["found"]]
    if len(values) < 2:
        reason = f"{len(values)} of 2"
        return [Claim("Twice is more.", "2 a", None, None, "> 0", "open", True, reason)]
    interval = min(values), max(values)
    return [Claim("Twice is more.", "2 a", values[0], interval, "> 0", verdict(interval, 0), True)]


def draw(measured, claims):
    return Figure(figsize=(2, 1))
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Make a checkout with one question, and work in its top folder."""
    folder = tmp_path / "experiments" / "q3_toy"
    folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "docs").mkdir()
    marked = "<!-- {0} -->\n<!-- end of {0} -->\n"
    (tmp_path / "docs" / "answers.md").write_text("# Answers\n" + marked.format("answer 3"))
    (folder / "README.md").write_text("# Question 3: is it?\n\n" + marked.format("verdict"))
    (folder / "plan.yaml").write_text(PLAN)
    (folder / "analysis.py").write_text(ANALYSIS)
    monkeypatch.setattr(find, "experiments_dir", lambda: tmp_path / "experiments")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def quick_speed(monkeypatch):
    """Spare the measurement of the speed."""
    monkeypatch.setattr(speed, "measured", lambda config: speed.Speed(100.0, 400.0))


@pytest.fixture
def finish(make_run):
    """Make finished runs of the plan, by seed, in a folder."""

    def make(place, *seeds, **others):
        for seed in seeds:
            overrides = {**KEYS, "seed": seed, **others}
            arguments = {"case": "c", "presets": ["quick"], "overrides": overrides}
            folder = make_run(f"{place}/case-c_seed-{seed}", **arguments)
            config = load_config(**arguments)
            result = result_from(read_metrics(folder / "metrics.csv"), config, 1)
            (folder / "result.json").write_text(json.dumps(result))
            (folder / "weights.npz").touch()
        return folder.parent

    return make
