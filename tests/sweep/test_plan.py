"""Plans: what they mean, which are refused, and what a sweep skips, continues and survives."""

import json
import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_helpers import TINY, sweep

import bnstudy
from bnstudy.cli.main import main, make_parser
from bnstudy.cli.run import config_of
from bnstudy.run_folder.log import read_metrics, result_from
from bnstudy.sweep import load_plan, run_plan


@pytest.fixture
def write_plan(tmp_path):
    def write(text, name="plan.yaml"):
        path = tmp_path / name
        path.write_text(text if isinstance(text, str) else yaml.safe_dump(text))
        return path

    return write


def test_a_grid_is_every_combination_and_runs_come_after(write_plan):
    path = write_plan(
        """
out: somewhere
grid:
  case: [a, c]
  preset: [quick, [lite, as_posted]]
  optimizer.learning_rate: [1e-3]
  seed: [0, 1]
runs:
  - {case: b, training.epochs: 2, bn: {momentum: 0.5}, name: mine}
"""
    )
    runs = load_plan(path)
    assert len(runs) == 9
    assert runs[0].folder == Path("somewhere/case-a_quick_optimizer.learning_rate=0.001_seed-0")
    names = [run.folder.name for run in runs]
    assert "case-c_lite_as_posted_optimizer.learning_rate=0.001_seed-1" in names
    assert names[-1] == "mine"
    assert {run.config.optimizer.learning_rate for run in runs[:8]} == {1e-3}
    assert (runs[-1].config.bn.momentum, runs[-1].config.training.epochs) == (0.5, 2)


def test_a_key_in_its_group_is_the_dotted_key_and_gives_the_same_folder(write_plan):
    one, other = (
        load_plan(write_plan({"grid": {"case": ["a"], **width, "seed": [3]}}))
        for width in ({"model.width": [0.05, 1]}, {"model": [{"width": 0.05}, {"width": 1}]})
    )
    assert one[0].folder.name == "case-a_model.width=0.05_seed-3"
    assert [(run.folder, run.config, run.arguments) for run in one] == [
        (run.folder, run.config, run.arguments) for run in other
    ]


def test_a_case_that_contradicts_a_file_is_described_without_options(write_plan, write_config):
    write_config("extends: cases/b\n", "own.yaml")
    with pytest.raises(bnstudy.UserError) as caught:
        load_plan(write_plan({"runs": [{"case": "a", "config": "own.yaml"}]}))
    assert str(caught.value).endswith(
        "run 0: the plan says case 'a', but configs/cases/b.yaml says case 'b'; drop one of them"
    )


def test_the_arguments_of_a_run_make_its_configuration(write_plan, tmp_path):
    """The arguments of its process resolve to the configuration that was checked."""
    (tmp_path / "own.yaml").write_text("extends: cases/b\nbn: {momentum: 0.7}\n")
    entries = [
        {"config": "own.yaml", "data.dir": "a b'c", "seed": 3},
        {"case": "c", "preset": ["lite", "as_posted"], "bn.debias": True, "data.train_limit": None},
        {"case": "a", "optimizer": {"name": "sgd", "learning_rate": 0.1}},
    ]
    for run in load_plan(write_plan({"runs": entries})):
        options = make_parser().parse_args(["run", *run.arguments])
        assert config_of(options) == run.config


def test_a_tilde_is_the_home_folder(write_plan, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "own.yaml").write_text("extends: cases/b\nseed: 7\n")
    write_plan({"out": "~/out", "runs": [{"config": "~/own.yaml"}]}, "home/plan.yaml")
    (run,) = load_plan("~/plan.yaml")
    assert run.folder == tmp_path / "home" / "out" / "case-b_own_seed-7"
    assert run.arguments == ["--case", "b", "--config", str(tmp_path / "home" / "own.yaml")]


def test_a_plan_saved_by_another_editor_is_read_or_refused_in_one_line(write_plan):
    text = "grid: {case: [a]}\n"
    path = write_plan("")
    path.write_bytes(("\ufeff" + text.replace("\n", "\r\n")).encode())
    assert [run.config.case for run in load_plan(path)] == ["a"]
    path.write_text(text, encoding="utf-16")
    with pytest.raises(bnstudy.UserError, match=r"line 1: not UTF-8 text; save the file as UTF-8"):
        load_plan(path)


@pytest.mark.parametrize("path", [None, 3, b"plan.yaml", ""])
def test_a_value_that_is_not_the_path_of_a_plan_is_one_line(path):
    with pytest.raises(bnstudy.UserError, match="must be the path of a plan"):
        load_plan(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("[1]", "must hold keys with values"),
        ("{}", "plan"),
        ("out: logs", "needs a grid, or a list of runs"),
        ("gird: {case: [a]}", "unknown key 'gird'; a plan has out, grid, runs"),
        ("grid: {case: a}", "must map keys to lists"),
        ("grid: [a]", "must map keys to lists"),
        ("runs: {case: a}", "must be a list of mappings"),
        ("runs: [a]", "must be a list of mappings"),
        ("out: 3\nruns: [{case: a}]", "out: must be a folder"),
        ("out: ~nobody-of-that-name/x\nruns: [{case: a}]", "out: .*there is no such user"),
        ("grid: {case: [a, d]}", "run 1: .*unknown case 'd'; the cases are a, b, c"),
        ("grid: {case: [a], bn.momentun: [1]}", "run 0: .*did you mean 'bn.momentum'"),
        ("runs: [{seed: 1}]", "run 0: which case"),
        ("runs: [{case: a, cases: 1}]", "plan.yaml: run 0: unknown key 'cases'; "),
        ("runs: [{case: a, model: {q: 1}}]", "plan.yaml: run 0: unknown key 'model.q'; "),
        ("runs: [{case: a, model: 3}]", r"run 0: model: must be a group .* \(from the plan\)"),
        ("runs: [{case: a, seed: -1}]", r"run 0: seed: .* got -1 \(from the plan\)"),
        ("runs: [{case: d}]", "plan.yaml: run 0: unknown case 'd'"),
        ("runs: [{case: a, model.width: 1, model: {width: 1}}]", "run 0: model.width is given twi"),
        ("grid: {case: [a], seed: []}", "grid: 'seed' is an empty list; give at least one value"),
        ("grid: {case: []}\nruns: [{case: a}]", "grid: 'case' is an empty list"),
        ("grid: {}\nruns: []", "grid is empty; runs is empty; a plan needs a grid, or a list"),
        ("runs: [{case: a, preset: {}}, {case: a, preset: 3}]", "run 1: preset"),
        ("runs: [{case: a}, {case: a}]", "two runs would go to logs/case-a_seed-0"),
        ("runs: [{case: a, name: ../x}]", "name: must name one folder"),
        (r'runs: [{case: a, name: "a\0b"}]', "name: must name one folder"),
        (f"runs: [{{case: a, name: {'n' * 300}}}]", "name: must name one folder"),
        ("runs: [{case: a, name: 3}]", "name: must name one folder"),
        ("runs: [{case: a, config: [x]}]", "config: must be a file"),
        ("runs: [{case: a, config: none.yaml}]", "run 0: .*none.yaml"),
        (
            f"grid: {{case: [a], seed: {list(range(200))}, training.epochs: {list(range(99))}}}",
            "at most",
        ),
    ],
)
def test_a_wrong_plan_is_one_line_and_nothing_is_run(write_plan, capsys, text, says):
    assert main(["sweep", str(write_plan(text))]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert "--" not in printed.err, "an option, where there is only a plan"
    assert re.search(says, printed.err)
    assert printed.out == ""


PLANS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["a", "case", "quick"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["out", "grid", "runs", "case", "preset", "seed", "name", "config", "bn"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=200, deadline=None)
@given(PLANS)
def test_any_plan_loads_or_is_refused_in_one_line(plan):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "plan.yaml")
        path.write_text(yaml.safe_dump(plan))
        message = ""
        try:
            assert load_plan(path)
        except bnstudy.UserError as error:
            message = str(error)
        assert "\n" not in message


def test_a_plan_full_of_aliases_is_refused_at_once(write_plan):
    levels = "".join(f"  - &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]\n" for i in range(1, 9))
    for key in ("config", "name", "preset"):
        text = (
            f"out: x\nruns:\n- {{case: a}}\n- case: a\n  bn:\n  - &l0 [x]\n{levels}  {key}: *l8\n"
        )
        with pytest.raises(bnstudy.UserError) as caught:
            load_plan(write_plan(text))
        assert len(str(caught.value)) < 1000


# ------------------------------------------------------------------------------- processes

PROGRAM = """#!/bin/sh
for folder; do :; done  # the last argument
echo "that was ${folder##*/}" >&2
case $folder in *bad) exit 2 ;; esac
cp -r MADE "$folder"
"""


def test_a_run_that_fails_stops_no_other(write_plan, make_run, tmp_path, monkeypatch, capsys):
    """With a program in the place of Python that leaves a finished folder, or fails."""
    runs = load_plan(
        write_plan(
            {
                "out": str(tmp_path),
                "runs": [{**TINY, "case": "a", "name": n} for n in ("bad", "good")],
            }
        )
    )
    overrides = {key: value for key, value in TINY.items() if key != "preset"}
    made = make_run("made", case="a", presets=["quick"], overrides=overrides)
    result = result_from(read_metrics(made / "metrics.csv"), runs[1].config, 1)
    (made / "result.json").write_text(json.dumps(result))
    program = tmp_path / "python"
    program.write_text(PROGRAM.replace("MADE", str(made)))
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    assert run_plan(runs, jobs=1) == 2
    lines = capsys.readouterr().out.splitlines()
    assert {"bad: that was bad", "good: that was good"} <= set(lines)
    assert re.search(r"^bad +failed +0/1 .*that was bad$", lines[-3])
    assert re.search(r"^good +finished +1/1 ", lines[-2])
    assert lines[-1] == "1 failed, 1 finished"


@pytest.mark.thorough
def test_one_failing_run_stops_no_other_and_a_sweep_skips_extends_and_continues(
    write_plan, tmp_path
):
    (tmp_path / "out" / "bad" / "config.yaml").mkdir(parents=True)
    (tmp_path / "out" / ".DS_Store").write_text("x")
    wild = {"optimizer.name": "sgd", "optimizer.learning_rate": 1e18, "name": "wild"}
    a = {**TINY, "case": "a"}
    runs = [{**a, **wild}, {**a, "name": "bad"}, {**a, "name": "good"}]
    process = sweep(write_plan({"out": "out", "runs": runs}), "--jobs", "2")
    out, errors = process.communicate(timeout=200)
    assert process.returncode == 2, errors
    *_, first, second, third, summary = out.splitlines()
    assert summary == "2 failed, 1 finished"
    assert first.startswith("wild")
    assert "learning rate 1e+18" in first
    assert second.startswith("bad")
    assert "config.yaml is not a regular file" in second
    assert " 1/1 " in third
    shutil.copytree(tmp_path / "out" / "good", tmp_path / "out" / "same")
    finished = tmp_path / "out" / "same" / "result.json"
    before = finished.stat().st_mtime_ns

    runs = [{**a, "name": "good", "training.epochs": 2}, {**a, "name": "same"}]
    process = sweep(write_plan({"out": "out", "runs": runs}))
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    first, second = out.splitlines()[1:3]  # before anything is run
    assert re.search(r"^good +waiting +1/2 ", first)  # to be extended
    assert re.search(r"^same +finished +1/1 ", second)
    assert "good: epoch 2/2" in out
    assert "same: epoch" not in out
    assert out.splitlines()[-1] == "2 finished"
    assert finished.stat().st_mtime_ns == before
    assert bnstudy.load_log(tmp_path / "out" / "good").result["epochs"] == 2


@pytest.mark.thorough
def test_ctrl_c_saves_every_run_and_the_sweep_can_be_continued(write_plan, tmp_path):
    long = {**TINY, "training.epochs": 400, "data.train_limit": 200}
    path = write_plan({"out": "out", "runs": [{**long, "case": "a"}, {**long, "case": "c"}]})
    process = sweep(path)
    for line in process.stdout:
        if "epoch 2/400" in line:
            break
    os.kill(process.pid, signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "saved at step" in out
    assert out.splitlines()[-1] == "1 interrupted, 1 waiting"
    assert errors == (
        "bnstudy: the sweep was stopped; the last checkpoint of every run is intact; "
        "the same command continues\n"
    )
    (folder,) = [path for path in (tmp_path / "out").iterdir() if path.is_dir()]
    assert list((folder / "checkpoints").glob("*.npz"))
    assert bnstudy.load_log(folder).result is None


@pytest.mark.thorough
def test_a_reader_that_leaves_stops_no_run_and_the_current_folder_is_not_imported(
    write_plan, tmp_path
):
    (tmp_path / "bnstudy").mkdir()
    (tmp_path / "bnstudy" / "__main__.py").write_text("open('PWNED', 'w')")
    (tmp_path / "bnstudy" / "__init__.py").write_text("")
    process = sweep(write_plan({"out": "out", "runs": [{**TINY, "case": "a"}]}))
    process.stdout.close()
    process.stderr.close()
    assert process.wait(timeout=100) == 0
    assert len(list((tmp_path / "out").glob("*/result.json"))) == 1
    assert not (tmp_path / "PWNED").exists()
