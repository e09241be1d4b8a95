"""`bnstudy sweep`: what it passes on, and what it lists."""

import json

import pytest

from bnstudy import cluster, sweep
from bnstudy.cli.main import main

PLAN = "runs:\n  - {case: a, preset: [quick]}\n  - {case: c, preset: [quick]}\n"


@pytest.mark.parametrize("code", [0, 1, 2])
@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        ([], (["a", "c"], 1, False)),
        (["--jobs", "3"], (["a", "c"], 3, False)),
        (["--fail-fast", "--only", "1"], (["c"], 1, True)),
        (["--only", "0-1"], (["a", "c"], 1, False)),
    ],
)
def test_the_plan_is_run_and_its_exit_code_is_ours(
    write_config, monkeypatch, arguments, passed, code
):
    calls = []

    def noted(runs, jobs, *, fail_fast):
        calls.append(([run.config.case for run in runs], jobs, fail_fast))
        return code

    monkeypatch.setattr(sweep, "run_plan", noted)
    assert main(["sweep", str(write_config(PLAN, "plan.yaml")), *arguments]) == code
    assert calls == [passed]


@pytest.mark.parametrize("jobs", ["0", "-1", "two"])
def test_jobs_that_are_not_a_positive_integer_are_refused(write_config, capsys, jobs):
    assert main(["sweep", str(write_config(PLAN, "plan.yaml")), "--jobs", jobs]) == 2
    assert f"must be an integer >= 1, got {jobs}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "2"], "--only 2: the plan has the runs 0 to 1 (see sweep --list)"),
        (["--only", "1-2"], "--only 1-2: the plan has the runs 0 to 1"),
        (["--only", "1-0"], "must begin with the smaller index, got 1-0"),
        (["--only", "-1"], "--only"),
        (["--only", "x"], "must be an index or a range such as 3-7, got x"),
        (["--only", "1-"], "must be an index or a range such as 3-7, got 1-"),
        (["--json"], "--json works only with --list; add --list or drop --json"),
        (["--list", "--scheduler", "local:2"], "--list runs nothing; drop --scheduler or --list"),
        (["--list", "--jobs", "2"], "--list runs nothing; drop --jobs or --list"),
        (["--list", "--fail-fast"], "--list runs nothing; drop --fail-fast or --list"),
    ],
)
def test_runs_that_the_plan_does_not_have_are_refused_in_one_line(
    write_config, capsys, arguments, says
):
    assert main(["sweep", str(write_config(PLAN, "plan.yaml")), *arguments]) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert (printed.err.count("\n"), printed.out) == (1, "")


def test_a_list_says_what_a_job_array_needs_and_writes_nothing(write_config, capsys, tmp_path):
    plan = str(write_config(PLAN, "plan.yaml"))
    assert main(["sweep", plan, "--list"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["index", "run", "state", "folder"],
        ["0", "case-a_quick_seed-0", "waiting", "logs/case-a_quick_seed-0"],
        ["1", "case-c_quick_seed-0", "waiting", "logs/case-c_quick_seed-0"],
    ]
    assert main(["sweep", plan, "--list", "--json", "--only", "1"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    name = "case-c_quick_seed-0"
    waiting = {"index": 1, "name": name, "state": "waiting", "folder": f"logs/{name}", "why": ""}
    assert row == waiting
    assert [path.name for path in tmp_path.iterdir()] == ["plan.yaml"]


def test_a_scheduler_gets_the_runs_instead(write_config, monkeypatch, capsys):
    calls = []

    def noted(runs, scheduler, *, fail_fast):
        calls.append((len(runs), scheduler, fail_fast))
        return 1

    monkeypatch.setattr(cluster, "run_plan", noted)
    plan = str(write_config(PLAN, "plan.yaml"))
    assert main(["sweep", plan, "--scheduler", "tcp://10.0.0.1:8786", "--fail-fast"]) == 1
    assert calls == [(2, "tcp://10.0.0.1:8786", True)]
    assert main(["sweep", plan, "--scheduler", "local:4", "--jobs", "2"]) == 2
    assert "--jobs: not allowed with argument --scheduler" in capsys.readouterr().err


def test_without_dask_a_scheduler_is_refused_in_one_line(write_config, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert main(["sweep", str(write_config(PLAN, "plan.yaml")), "--scheduler", "local:2"]) == 2
    assert capsys.readouterr().err == (
        "bnstudy: --scheduler needs Dask: pip install 'bnstudy[dask]'\n"
    )
