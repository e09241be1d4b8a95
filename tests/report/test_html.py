"""The page of `bnstudy report --html`: what it says, whom it links to, and whom it trusts."""

import filecmp
import os
import re
import shutil
import subprocess
import sys
from importlib import resources
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from page_helpers import Page
from scipy import stats

from bnstudy.cli.main import main
from bnstudy.run_folder.files import write_json
from bnstudy.run_folder.log import load_log

RANDOM = np.random.default_rng(5)
ACCURACY = {
    (arm, seed): RANDOM.normal(0.77 if arm == "b" else 0.75, 0.02, 21)
    for arm in "abcd"
    for seed in range(3)
}
CSS = resources.files("bnstudy.report").joinpath("page.css").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where the runs of four arms are, and their page."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture
def page(place, make_finished):
    """The page of runs of four arms with three seeds each; it is written once."""
    file = place / "a page" / "page.html"
    if not file.exists():
        for arm, seed in ACCURACY:
            run = make_finished(arm, seed, test_accuracy=ACCURACY[arm, seed])
        run.parent.rename(place / "runs")
        file.parent.mkdir()
        read(place / "runs", "--html", file)
    return Page(file.read_text(encoding="utf-8"))


def read(*arguments):
    """Write a page with the command and return it."""
    assert main(["report", *map(str, arguments)]) == 0
    return Page(Path(arguments[-1]).read_text(encoding="utf-8"))


def words(page, number):
    """Return the text of a verdict, without its table."""
    article = next(a for a in page.all("article") if a.text.split()[0] == number)
    return " ".join(article.text.replace("\N{NO-BREAK SPACE}", " ").split())


def test_a_page_needs_no_other_file_no_network_and_no_script(page, place):
    assert page.all("script", "link", "img", "iframe", "object", "embed", "base", "form") == []
    assert page.values("src", "srcset", "action", "xlink:href", "background") == []
    assert not [name for e in page.elements for name in e.attributes if name.startswith("on")]
    links = page.values("href")
    assert not [link for link in links if re.match(r"[a-z]+:|//|/", link)]
    text = (place / "a page" / "page.html").read_text(encoding="utf-8")
    assert not re.search(r"@import|url\((?!#)", text)
    (policy,) = [m for m in page.all("meta") if m.attributes.get("http-equiv")]
    assert policy.attributes["content"].startswith("default-src 'none'; style-src")


def test_a_page_can_be_read_without_seeing_it(page):
    assert page.all("html")[0].attributes["lang"] == "en"
    levels = [int(heading.tag[1]) for heading in page.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for table in page.all("table"):
        assert table.inside[0].tag == "caption"
    assert all(th.attributes.get("scope") in ("row", "col") for th in page.all("th"))
    for svg in page.all("svg"):
        hidden = svg.attributes.get("aria-hidden") == "true"
        assert hidden or (svg.attributes["role"], svg.inside[0].tag) == ("img", "title")
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    inner = {link[1:] for link in page.values("href") if link.startswith("#")}
    assert inner | set(page.values("aria-labelledby")) <= set(ids)
    for box in (e for e in page.elements if e.attributes.get("class") == "scroll"):
        assert box.attributes["tabindex"] == "0"
        assert box.attributes["role"] == "region"


def test_every_number_of_a_run_leads_to_its_folder(page, place):
    numbers = [a for a in page.all("a") if re.fullmatch(r"[\d.]+", a.text)]
    last = {}
    for link in numbers:
        folder = (place / "a page" / unquote(link.attributes["href"])).resolve(strict=True)
        last.setdefault(folder, set()).add(link.text)
    runs = {(folder.name[0], int(folder.name[2])): folder for folder in last}
    assert runs.keys() == ACCURACY.keys()
    for run, accuracy in ACCURACY.items():
        log = load_log(runs[run])
        cost = log.metrics["train_cost"]
        for value in (accuracy[-1], accuracy[16:].mean(), cost[-1], cost.mean()):
            assert f"{value:.4f}" in last[log.folder]


def test_a_verdict_says_how_it_was_computed(page):
    late = {run: accuracy[16:].mean() for run, accuracy in ACCURACY.items()}
    arms = {arm: np.array([late[arm, seed] for seed in range(3)]) for arm in "abcd"}
    difference = arms["b"].mean() - arms["a"].mean()
    deviation = np.sqrt(np.mean([arm.var(ddof=1) for arm in arms.values()]))
    half = stats.t.ppf(0.975, 8) * deviation * np.sqrt(2 / 3)
    found = words(page, "i").replace("\N{MINUS SIGN}", "-")
    assert f"{difference:+.4f} ({difference - half:+.4f} to {difference + half:+.4f})" in found
    assert "test accuracy, mean of epochs 17 to 21: b - a" in found
    assert "Threshold 0 95 % interval" in found
    assert f": {difference:+.4f} ± {half:.4f} Pooled deviation " in found
    assert f"s = {deviation:.5f} over a, b, c, d; ν = 8 degrees of freedom, t = 2.306" in found
    assert "Seeds b: 0, 1, 2; a: 0, 1, 2 Beside it paired by seed:" in found
    assert "test accuracy, epoch 21, b - a: " in found
    assert re.search(r"undecided [+-]", found)
    assert re.search(r"Undecided: [\d,]+ seeds of each arm would exclude 0", found)


def test_the_strip_beside_a_value_is_to_scale(page):
    drawn = 0
    for article in page.all("article"):
        strips = [e for e in article.inside if e.attributes.get("class") == "strip"]
        if not strips:
            continue
        drawn += 1
        _, threshold, interval, dot = strips[0].inside
        numbers = re.findall(r"[+−][\d.]+", article.text)[:3]
        value, low, high = (float(text.replace("−", "-")) for text in numbers)
        places = [float(x[:-1]) for x in (interval.attributes["x1"], interval.attributes["x2"])]
        scale = (places[1] - places[0]) / (high - low)
        assert float(dot.attributes["cx"][:-1]) - places[0] == pytest.approx(
            scale * (value - low), abs=1.5
        )
        limit = 0.0 - low
        assert float(threshold.attributes["x1"][:-1]) - places[0] == pytest.approx(
            scale * limit, abs=1.5
        )
        assert 0 <= min(places) < max(places) <= 100
    assert drawn >= 6


def test_curves_two_by_two_and_results_are_there(page):
    captions = [svg.attributes["aria-label"] for svg in page.all("svg") if "role" in svg.attributes]
    assert captions[:2] == ["Training accuracy (fraction)", "Test accuracy (fraction)"]
    assert captions[4:] == [
        "Test accuracy, mean of epochs 17 to 21",
        "Training cost (nats), mean of epochs 1 to 21",
    ]
    assert "author 2018" not in page.all("body")[0].text  # those are of full width
    mean = np.mean([ACCURACY["a", seed][-1] for seed in range(3)])
    spread = np.std([ACCURACY["a", seed][-1] for seed in range(3)], ddof=1)
    assert f"{mean:.4f} ± {spread:.4f}" in page.words("td")


def test_the_authors_series_stand_beside_runs_like_his(make_finished, tmp_path):
    run = make_finished("a", 0, changes={"model.width": 1})
    page = read(run, "--html", tmp_path / "page.html")
    assert "author 2018: CIFAR-10, width 1, no BN, Adam" in page.words("span")


def test_unfinished_runs_are_named_and_count_nowhere(make_finished, make_run, tmp_path):
    finished = make_finished("a", 0)
    half = make_run("half", epochs=3, case="b", presets=["lite"])
    page = read(finished, half, "--html", tmp_path / "page.html")
    assert "half (3 of 21 epochs)" in page.words("li")
    assert "CIFAR-10, width 0.25: 1 finished run in 1 group" in " ".join(page.words("p"))
    page = read(half, "--html", tmp_path / "page.html")
    assert page.words("title") == ["bnstudy report: no run has finished"]
    assert "half (3 of 21 epochs)" in page.words("li")
    assert page.all("svg", "table") == []


def test_a_page_says_on_what_its_runs_were_made(make_finished, tmp_path):
    versions = {"bnstudy": "0.1.0", "python": "3.11.7", "tensorflow": "2.21.0", "keras": "3.15.1"}
    git = {"commit": "0123456789abcdef", "dirty": True}
    for arm, cores in (("a", 2), ("b", 2), ("c", 8)):
        entry = {"cpu": "AMD EPYC", "cores": cores, "versions": versions, "git": git}
        folder = make_finished(arm, 0)
        write_json(folder / "environment.json", {"continuations": [entry, entry]})
    damaged = {"continuations": [{"versions": ["?"], "git": {}}]}
    write_json(make_finished("d", 0) / "environment.json", damaged)
    page = read(tmp_path / "runs", "--html", tmp_path / "page.html")
    rows = [
        [cell.text for cell in row.inside if cell.tag in ("th", "td")] for row in page.all("tr")
    ]
    made = ["0123456+", "0.1.0", "3.11.7", "2.21.0", "3.15.1", "unknown"]
    assert rows[-3:] == [
        ["AMD EPYC", "2", *made, "a 0 21 [], b 0 21 []"],
        ["AMD EPYC", "8", *made, "c 0 21 []"],
        [*["unknown"] * 8, "d 0 21 []"],
    ]


def test_a_benchmark_is_linked(tmp_path):
    names = ("case a", "case b", "case c")
    rows = [
        {"name": name, "precision": "float32", "training_ms_by_round": [time, time + 1]}
        for name, time in zip(names, (10, 12, 13), strict=True)
    ]
    file = tmp_path / "a & b.json"
    write_json(file, {"rows": rows, "network": {"width": 0.25}})
    page = read(file, "--html", tmp_path / "page.html")
    (link,) = [a for a in page.all("a") if a.text == "a & b.json"]
    assert link.attributes["href"] == "a%20%26%20b.json"
    assert "Smallest to largest 1.18 to 1.20" in words(page, "iv")


EVIL = (
    "<script>alert(1)",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }} &lt; $\\bad{$",
    "javascript:alert(1)?a#b%20c",
)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such names")
def test_names_and_values_of_others_are_text(make_finished, tmp_path):
    # They differ in so many keys that their folders' names are their labels.
    changes = {
        "training.epochs": 3,
        "optimizer.epsilon": 1e-7,
        "optimizer.beta_1": 0.8,
        "optimizer.beta_2": 0.99,
        "optimizer.decay": 0.01,
        "model.weight_stddev": 0.04,
    }
    place = tmp_path / "runs"
    for i, name in enumerate(EVIL):
        folder = make_finished("a", i, epochs=4 + i, changes={**changes, "training.epochs": 4 + i})
        folder.rename(place / name)
        entry = {"cpu": name, "cores": name, "versions": {"numpy": name}, "git": {"commit": name}}
        write_json(place / name / "environment.json", {"continuations": [entry]})
    page = read(place, "--html", tmp_path / "page.html")
    assert page.all("script", "img") == []
    assert not [name for e in page.elements for name in e.attributes if name.startswith("on")]
    for name in EVIL:
        links = [a.attributes["href"] for a in page.all("a") if a.text == name]
        assert links
        assert {(tmp_path / unquote(link)).resolve() for link in links} == {place / name}
        assert all(re.fullmatch(r"[\w/.%~-]+", link) for link in links)
        assert name in [th.text for th in page.all("th")]  # the processor


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_a_name_that_is_not_utf_8_is_shown_and_linked(make_finished, tmp_path):
    folder = make_finished("a", 0)
    folder = folder.rename(folder.with_name(os.fsdecode(b"run-\xff")))
    page = read(folder, "--html", tmp_path / "page.html")
    assert {a.attributes["href"] for a in page.all("a") if a.text == "run-\\udcff"} == {
        "runs/run-%FF"
    }


@pytest.mark.thorough
def test_the_same_runs_give_the_same_bytes(page, place, tmp_path):
    first = place / "a page" / "page.html"
    shutil.copy(first, tmp_path / "copy")
    # The same paths, seen from elsewhere, in another process.
    command = [sys.executable, "-m", "bnstudy", "report", ".", "--html", "../a page/page.html"]
    variables = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run(command, check=True, cwd=place / "runs", env=variables, capture_output=True)
    assert filecmp.cmp(first, tmp_path / "copy", shallow=False)


def test_the_command_that_made_the_page_is_at_its_foot(page):
    (command,) = [code.text for code in page.all("footer")[0].inside if code.tag == "code"]
    assert command == "bnstudy report ../runs --html page.html"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--html", "-"], "--html needs the name of a file that ends in .html, not -"),
        (["--html", "speed.json"], "--html needs the name of a file that ends in .html"),
        (["--format", "csv", "--show", "verdicts"], "--show is for Markdown"),
        (["--html", "p.html", "--format", "json"], "without --show and --format"),
        (["--html", "p.html", "--show", "verdicts"], "without --show and --format"),
        (["--html", "p.html", "--write", "README.md"], "--write takes pages alone"),
        (["--html", "nowhere/p.html"], "cannot write nowhere/p.html: No such file"),
        (["--html", "."], "cannot write .: it is a folder"),
    ],
)
def test_wrong_input_is_one_line(make_finished, tmp_path, monkeypatch, capsys, options, says):
    run = make_finished("a", 0)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["report", str(run), *options]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert says in error
    assert sorted(tmp_path.rglob("*")) == before


def test_tables_alone_need_no_templates(make_finished):
    run = make_finished("a", 0)
    code = (
        "import sys; from bnstudy.cli.main import main; main(['report', sys.argv[1]]); "
        "assert not {'jinja2', 'bnstudy.report.html'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, run], check=True, capture_output=True)


def luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_curves_stand_out_in_both_schemes(scheme):
    light, dark = CSS.split("prefers-color-scheme: dark")
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    if scheme == "dark":
        changed = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark))
        assert changed.keys() == found.keys()  # none was forgotten
        found = changed
    pairs = [(name, "paper") for name in ("ink", "muted", "link")] + [("ink", "raised")]
    pairs += [(n, f"{n}-back") for n in ("yes", "no", "undecided", "none", "answer")]
    assert {pair: 1 for pair in pairs if contrast(*map(found.get, pair)) < 4.5} == {}
    curves = [name for name in found if re.match("series|author", name)]
    assert len(curves) == 8
    assert [n for n in curves if contrast(found[n], found["paper"]) < 3] == []


def test_runs_of_the_authors_kind_stand_beside_his_series(make_finished, tmp_path):
    make_finished("a", 0, changes={"model.width": 1.0})
    file = tmp_path / "page.html"
    assert main(["report", str(tmp_path / "runs"), "--html", str(file)]) == 0
    text = file.read_text(encoding="utf-8")
    assert "largest difference to the author" in text
    assert "0.0326 (epoch 5)" in text  # his Adam and his manual AMSGrad
