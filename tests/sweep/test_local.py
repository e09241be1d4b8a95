"""Several sweeps of one plan share the work, never a folder; the first failure may stop all."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from sweep_helpers import TINY, claim_and_finish, configurations, sweep, tiny_plan, write_plan

from bnstudy.errors import UserError
from bnstudy.interrupts import Interrupted
from bnstudy.run_folder.folder import claim
from bnstudy.sweep import local
from bnstudy.sweep.plan import load_plan
from bnstudy.sweep.process import Processes

# A sweep in a process of its own, whose runs train nothing but lock their folder as runs do.
SHARING = """
import sys, time
from sweep_helpers import claim_and_finish, configurations
from bnstudy.errors import UserError
from bnstudy.sweep import local, load_plan, run_plan
from bnstudy.sweep.process import Processes

plan, notes = sys.argv[1:]
configs = configurations(plan)

def work(folder):
    with open(notes, "a") as file:
        file.write(folder.name + "\\n")
    time.sleep(0.05)

def carry_out(self, folder, arguments, show, stop):
    time.sleep(0.02)  # others can be faster, as while TensorFlow is imported
    try:
        claim_and_finish(folder, configs[folder], lambda: work(folder))
    except UserError as error:
        show(f"bnstudy: {error}")
        return 2
    return 0

Processes.carry_out, local.LOOK_AGAIN = carry_out, 0.1
sys.exit(run_plan(load_plan(plan), 2))
"""


def test_four_sweeps_of_one_plan_at_the_same_time_do_every_run_once(tmp_path):
    plan, notes = tiny_plan(tmp_path, 16), tmp_path / "notes"
    command = [sys.executable, "-c", SHARING, str(plan), str(notes)]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    sweeps = [
        subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    printed = [process.communicate(timeout=60)[0] for process in sweeps]
    assert [process.returncode for process in sweeps] == [0, 0, 0, 0]
    assert {text.splitlines()[-1] for text in printed} == {"16 finished"}
    begun = Counter(notes.read_text().split())
    assert begun == {folder.name: 1 for folder in configurations(plan)}
    assert sum("it will be tried again" in text for text in printed) > 1, "they never met"


@pytest.fixture
def carry_out(monkeypatch):
    """Let a function take the place of the processes."""

    def replace(function):
        monkeypatch.setattr(Processes, "carry_out", function)
        monkeypatch.setattr(local, "LOOK_AGAIN", 0.05)

    return replace


def test_a_run_that_another_loses_is_taken_over(tmp_path, carry_out, capsys):
    plan = tiny_plan(tmp_path, 2)
    (held, config), (free, other) = configurations(plan).items()
    done, other_process = [], claim(held, config)
    other_process.__enter__()

    def work(self, folder, arguments, show, stop):
        done.append(folder)
        claim_and_finish(folder, {held: config, free: other}[folder], lambda: None)
        if folder == free:
            other_process.__exit__(None, None, None)
        return 0

    carry_out(work)
    assert local.run_plan(load_plan(plan), 1) == 0
    assert done == [free, held]
    out = capsys.readouterr().out
    assert f"in use by process {os.getpid()} on" in out.splitlines()[1], "the first table says who"
    assert out.splitlines()[-1] == "2 finished"


def test_a_run_that_another_begins_first_is_not_a_failure(tmp_path, carry_out, capsys):
    """Between the look at a folder and the start of its run, another sweep takes it, and ends."""
    plan, tries = tiny_plan(tmp_path, 1), []
    ((_, config),) = configurations(plan).items()

    def work(self, folder, arguments, show, stop):
        tries.append(folder)
        with claim(folder, config):  # as another process
            try:
                claim_and_finish(folder, config, lambda: None)
            except UserError as error:
                show(f"bnstudy: {error}")
        claim_and_finish(folder, config, lambda: None)
        return 2

    carry_out(work)
    assert local.run_plan(load_plan(plan), 1) == 0
    assert len(tries) == 1
    out = capsys.readouterr().out
    assert out.count("is in use by") == out.count("; it will be tried again") == 1
    assert out.splitlines()[-1] == "1 finished"


def test_waiting_for_another_sweep_can_be_interrupted(tmp_path, carry_out, monkeypatch):
    plan = tiny_plan(tmp_path, 1)
    ((held, config),) = configurations(plan).items()
    carry_out(lambda *_: 1)  # it is not begun: then it would fail
    look, looks = local.update_state, []

    def look_and_interrupt(run):
        looks.append(run)
        if len(looks) == 3:  # the first is for the table
            os.kill(os.getpid(), signal.SIGINT)
        look(run)

    monkeypatch.setattr(local, "update_state", look_and_interrupt)
    runs = load_plan(plan)
    with claim(held, config), pytest.raises(Interrupted):
        local.run_plan(runs, 1)
    assert runs[0].state == "elsewhere"


@pytest.mark.parametrize(("fail_fast", "begun"), [(False, 5), (True, 2)])
def test_the_first_failure_stops_the_others_only_where_that_is_asked(
    tmp_path, carry_out, capsys, fail_fast, begun
):
    """Of two at a time, the second fails while the first is under way, which then saves."""
    configs, started = configurations(tiny_plan(tmp_path, 5)), []

    def work(self, folder, arguments, show, stop):
        started.append(folder)
        if folder == list(configs)[1]:
            show("it failed")
            return 1
        ends = time.monotonic() + 0.5
        while time.monotonic() < ends:
            if stop():
                return 130
        claim_and_finish(folder, configs[folder], lambda: None)
        return 0

    carry_out(work)
    runs = load_plan(tmp_path / "plan.yaml")
    assert local.run_plan(runs, 2, fail_fast=fail_fast) == 1
    assert len(started) == begun
    states = Counter(run.state for run in runs)
    stopped = {"failed": 1, "interrupted": 1, "waiting": 3}
    assert states == (stopped if fail_fast else {"failed": 1, "finished": 4})
    assert "it failed" in capsys.readouterr().out.splitlines()[-5]


def test_fail_fast_begins_nothing_where_a_folder_cannot_be_used(tmp_path, carry_out):
    plan = tiny_plan(tmp_path, 2)
    last = list(configurations(plan))[1]
    last.mkdir(parents=True)
    (last / "config.yaml").write_text("case: b\n")
    carry_out(lambda *_: pytest.fail("nothing was to be run"))
    assert local.run_plan(load_plan(plan), 1, fail_fast=True) == 2


@pytest.mark.thorough
def test_four_sweeps_of_training_runs_end_with_the_digits_of_one(tmp_path):
    """The first of four is killed on the way; what it had begun is continued by another."""
    places = [tmp_path / name for name in ("alone", "shared")]
    for place in places:
        place.mkdir()
        tiny_plan(place, 2, **{"training.epochs": 60})
    assert sweep(places[0] / "plan.yaml", "--jobs", "2").wait() == 0
    sweeps = [sweep(places[1] / "plan.yaml")]
    for line in sweeps[0].stdout:
        if "epoch 2/60" in line:
            break
    sweeps += [sweep(places[1] / "plan.yaml") for _ in range(3)]
    for line in sweeps[0].stdout:
        if "epoch 4/60" in line:
            break
    sweeps[0].kill()
    for process in sweeps:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == (0 if process is not sweeps[0] else -signal.SIGKILL), errors
    folders = sorted(path.name for path in (tmp_path / "alone/out").iterdir() if path.is_dir())
    assert len(folders) == 2
    for name in folders:
        one, other = ((place / "out" / name / "metrics.csv").read_text() for place in places)
        assert without_seconds(one) == without_seconds(other), name


def without_seconds(metrics):
    return [line.rsplit(",", 2)[0] for line in metrics.splitlines()]


# ------------------------------------------------------------------------------- job arrays

ROOT = Path(__file__).parents[2]


def job(place, program, task, plan="plan.yaml"):
    """Start a task of docs/slurm.sh as SLURM would, with a `bnstudy` and a `scontrol` of ours."""
    tools = place / "tools"
    tools.mkdir(exist_ok=True)
    for name, text in {"bnstudy": program, "scontrol": f'echo "$@" >> {place}/scontrol'}.items():
        (tools / name).write_text(f"#!/bin/bash\n{text}\n")
        (tools / name).chmod(0o755)
    variables = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "SLURM_ARRAY_JOB_ID": "77",
        "SLURM_ARRAY_TASK_ID": str(task),
        "SLURM_CPUS_PER_TASK": "1",
    }
    command = ["bash", ROOT / "docs/slurm.sh", *([plan] if plan else [])]
    return subprocess.Popen(
        command,
        cwd=place,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_task_of_a_job_array_ends_as_its_run_does(tmp_path, code):
    program = f'echo "$2|$@" $TF_NUM_INTRAOP_THREADS; exit {code}'
    process = job(tmp_path, program, 3, plan="my plan.yaml")
    said = "my plan.yaml|sweep my plan.yaml --only 3 1\n"
    assert process.communicate(timeout=20)[0] == said
    assert process.returncode == code
    assert not (tmp_path / "scontrol").exists()


@pytest.mark.parametrize(
    ("task", "plan", "says"), [(3, None, "which plan?"), ("", "plan.yaml", "which runs?")]
)
def test_a_job_without_a_plan_or_an_array_says_how_it_is_submitted(tmp_path, task, plan, says):
    process = job(tmp_path, "echo begun", task, plan)
    out, error = process.communicate(timeout=20)
    assert process.returncode != 0
    assert out == ""
    assert f"{says} sbatch --array=0-14 slurm.sh PLAN" in error


def test_the_page_shows_the_command_that_the_script_takes():
    page, script = ((ROOT / "docs" / name).read_text() for name in ("scale.md", "slurm.sh"))
    assert "\nsbatch --array=0-14 docs/slurm.sh plan.yaml\n" in page
    assert "#SBATCH --array" not in script


def test_a_task_whose_time_is_up_saves_and_is_queued_again(tmp_path):
    program = "trap 'sleep 0.3; exit 130' TERM; echo begun; while true; do sleep 0.1; done"
    process = job(tmp_path, program, 3)
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGTERM)  # to the shell alone: B:TERM
    assert process.wait(timeout=20) == 130
    assert (tmp_path / "scontrol").read_text() == "requeue 77_3\n"


@pytest.mark.thorough
def test_a_task_that_is_queued_again_continues_its_run(tmp_path):
    long = {**TINY, "training.epochs": 60, "data.train_limit": 200}
    write_plan(tmp_path / "plan.yaml", [{**long, "case": case} for case in "ac"])
    bnstudy = f'exec {sys.executable} -P -m bnstudy "$@"'
    process = job(tmp_path, bnstudy, 1)
    for line in process.stdout:
        if "epoch 2/60" in line:
            break
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert re.search(r"^case-c\S+ +interrupted", out, re.MULTILINE)
    process = job(tmp_path, bnstudy, 1)
    out, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    assert "epoch 1/60" not in out
    assert out.splitlines()[-1] == "1 finished"
    assert (tmp_path / "scontrol").read_text() == "requeue 77_1\n"
