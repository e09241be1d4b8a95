"""`bnstudy sweep`: what it passes on."""

import pytest

from bnstudy import sweep
from bnstudy.cli.main import main

PLAN = "runs:\n  - {case: a, preset: [quick]}\n  - {case: c, preset: [quick]}\n"


@pytest.mark.parametrize("code", [0, 1, 2])
@pytest.mark.parametrize(("arguments", "jobs"), [([], 1), (["--jobs", "3"], 3)])
def test_the_plan_is_run_and_its_exit_code_is_ours(
    write_config, monkeypatch, arguments, jobs, code
):
    calls = []

    def noted(runs, jobs):
        calls.append(([run.config.case for run in runs], jobs))
        return code

    monkeypatch.setattr(sweep, "run_plan", noted)
    assert main(["sweep", str(write_config(PLAN, "plan.yaml")), *arguments]) == code
    assert calls == [(["a", "c"], jobs)]


@pytest.mark.parametrize("jobs", ["0", "-1", "two"])
def test_jobs_that_are_not_a_positive_integer_are_refused(write_config, capsys, jobs):
    assert main(["sweep", str(write_config(PLAN, "plan.yaml")), "--jobs", jobs]) == 2
    assert f"must be an integer >= 1, got {jobs}" in capsys.readouterr().err
