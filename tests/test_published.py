"""The documents agree with the committed run folders."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import bnstudy
from bnstudy.bench import tables
from bnstudy.data import cifar10
from bnstudy.plots.runs import load_runs
from bnstudy.plots.summary import last_epochs
from bnstudy.report import pages
from bnstudy.report.report import make_report
from bnstudy.run_folder import weights
from bnstudy.trained.evaluation import evaluate

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("experiments/*/*.md")]
FOLDERS = sorted(path.parent for path in (ROOT / "logs" / "published").rglob("result.json"))


@pytest.mark.parametrize("page", ["README.md", "experiments/three_cases/README.md"])
def test_the_pages_show_the_published_results(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert pages.renewed(ROOT / page) == text, f"run `bnstudy report --write {page}`"
    assert "| case c" in text


def test_the_verdicts_of_the_three_cases_are_those_of_the_published_runs():
    folder = ROOT / "experiments/three_cases"
    text = (folder / "README.md").read_text(encoding="utf-8")
    (paths,) = re.findall(r"<!-- report verdicts: (.*) -->", text)
    found = make_report([folder / path for path in paths.split()]).as_json()
    kept = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    command = f"bnstudy report --format json {paths} > verdict.json"
    assert kept == json.loads(json.dumps(found)), f"in experiments/three_cases, run `{command}`"


@pytest.mark.parametrize("number", range(1, 6))
def test_the_verdict_on_a_question_was_made_by_a_commit(number):
    (file,) = (ROOT / "experiments").glob(f"q{number}_*/verdict.json")
    git = json.loads(file.read_text(encoding="utf-8"))["git"]
    assert not git["dirty"], f"commit first, then run `bnstudy question {number} --write`"


@pytest.mark.parametrize("name", ["full_width", "lite"])
def test_the_page_on_speed_shows_the_published_benchmarks(name):
    results = json.loads((ROOT / "logs/published/bench" / f"{name}.json").read_text())
    _, *lines = tables.lines(results)
    assert "\n".join(lines) in (ROOT / "docs/performance.md").read_text(encoding="utf-8")


@pytest.fixture
def full_width():
    """The published benchmark at full width."""
    return json.loads((ROOT / "logs/published/bench/full_width.json").read_text())


def test_the_page_on_speed_compares_case_c_as_published(full_width):
    page = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    for other, name in {
        "case c, autodiff": "itself, with automatic gradients",
        "case a": "case a, without batch norm",
        "plain TensorFlow": "plain TensorFlow: its fused batch norm, automatic gradients",
        "Keras fit": "Keras's `fit` of case b",
        "PyTorch eager": "PyTorch (eager) with case b",
    }.items():
        cells = [
            "{:.2f} ({:.2f} to {:.2f})".format(*full_width["ratios"][f"case c {p} / {other} {p}"])
            for p in ("float32", "bfloat16")
        ]
        assert f"| {name} | {' | '.join(cells)} |" in page


def test_the_page_on_speed_compares_case_c_with_every_peer_as_published():
    page = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    files = [f"logs/published/bench/{name}.json" for name in ("peers_lite", "peers_full_width")]
    ratios = [json.loads((ROOT / file).read_text())["ratios"] for file in files]
    peers = {name.split(" / ")[1].rpartition(" ")[0] for name in ratios[0]} - {"case a", "case c"}
    assert len(peers - {"case c, autodiff"}) == 5
    for peer in peers - {"case c, autodiff"}:
        cells = [
            "{:.2f} ({:.2f} to {:.2f})".format(*measured[f"case c {p} / {peer} {p}"])
            for measured in ratios
            for p in ("float32", "bfloat16")
        ]
        assert f"| {peer} | {' | '.join(cells)} |" in page


def test_the_readme_shows_the_published_speeds(full_width):
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    ratio, speed = (
        full_width["ratios"],
        {
            row["precision"]: row["images_per_second"]
            for row in full_width["rows"]
            if row["name"] == "case c"
        },
    )
    plain = ratio["case c float32 / plain TensorFlow float32"]
    for said in (
        "{:.2f} times ({:.2f} to {:.2f}) as fast as plain TensorFlow".format(*plain),
        f"{speed['float32']:.0f} images/s in float32, and {speed['bfloat16']:.0f} in bfloat16",
    ):
        assert said in readme


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_published_run_is_complete_and_its_result_is_its_last_epoch(folder):
    log = bnstudy.load_log(folder)
    assert log.result["epochs"] == log.config.training.epochs == log.metrics["epoch"][-1]
    for name in ("train_cost", "train_accuracy", "test_cost", "test_accuracy"):
        assert log.result[name] == log.metrics[name][-1]
    assert log.config.data.dir is None  # no path of somebody's machine, here or in a command
    environment = (folder / "environment.json").read_text(encoding="utf-8")
    assert not re.search(r"[ \"=](/|~|[A-Z]:)[\w.-]*/", environment)
    assert not (folder / "checkpoints").exists()
    if (folder / weights.FILE).exists():
        assert weights.load(folder).arrays["standardization/mean"].dtype == np.float32


@pytest.mark.thorough
@pytest.mark.parametrize(
    "folder", [f for f in FOLDERS if (f / weights.FILE).exists()], ids=lambda folder: folder.name
)
def test_a_published_network_classifies_as_its_run_did(folder):
    if bnstudy.load_log(folder).config.data.name == "cifar10" and cifar10.find() is None:
        pytest.skip("CIFAR-10 is not on this machine")
    found, _ = evaluate(bnstudy.load_model(folder))
    assert found.accuracy == pytest.approx(found.run.result["test_accuracy"], abs=5e-4)
    assert found.cost == pytest.approx(found.run.result["test_cost"], rel=1e-3)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_links_to_exists(page):
    prose = "".join(page.read_text(encoding="utf-8").split("```")[::2])  # without blocks of code
    links = [part.partition(")")[0] for part in prose.split("](")[1:]]
    for link in links:
        if not link.startswith("http"):
            assert (page.parent / link.partition("#")[0]).exists(), link


def test_the_page_on_figures_shows_the_last_epoch_of_the_published_runs():
    metrics = ["test_accuracy", "test_cost"]
    lines = last_epochs(load_runs(ROOT / "logs/published/lite"), metrics)
    assert "\n".join(lines) in (ROOT / "docs/plots.md").read_text(encoding="utf-8")
