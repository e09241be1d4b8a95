"""The state of runs: what their folders say, and what a sweep exits with."""

import json

import pytest
from sweep_helpers import configurations, finish, tiny_plan

from bnstudy.errors import UserError
from bnstudy.run_folder import checkpoint
from bnstudy.run_folder.folder import claim
from bnstudy.run_folder.provenance import record_run
from bnstudy.sweep.overview import exit_code, listing, listing_as_json, table, update_state
from bnstudy.sweep.plan import load_plan


@pytest.fixture
def runs(tmp_path):
    plan = tiny_plan(tmp_path, 4)
    (first, config), (second, other), *_ = configurations(plan).items()
    with claim(first, config):
        finish(first, config)
    runs = load_plan(plan)
    (tmp_path / "out" / runs[3].folder.name).write_text("in the way")
    with claim(second, other):
        for run in runs:
            update_state(run)
    return runs


def test_a_folder_says_whether_its_run_has_finished_or_is_in_use_or_cannot_begin(runs):
    assert [run.state for run in runs] == ["finished", "elsewhere", "waiting", "waiting"]
    assert runs[1].last_line.startswith("in use by process ")
    update_state(runs[1])
    assert runs[1].state == "waiting", "nobody holds it any more"
    (runs[2].folder / "config.yaml").mkdir(parents=True)
    (runs[2].folder / "result.json").write_text("{}")
    update_state(runs[2])
    assert (runs[2].state, runs[2].exit_code) == ("failed", 2)
    assert "config.yaml" in runs[2].last_line


def test_a_folder_of_another_configuration_is_described_for_readers_of_a_plan(runs):
    (runs[2].folder / "config.yaml").parent.mkdir()
    (runs[2].folder / "config.yaml").write_text("case: b\nseed: 2\n")
    update_state(runs[2])
    assert runs[2].state == "failed"
    assert "made by another configuration" in runs[2].last_line
    assert runs[2].last_line.endswith(
        "; delete or move the folder, or change name: or out: in the plan"
    )


def test_a_run_that_failed_waits_with_what_the_next_sweep_does_and_why(runs):
    (runs[2].folder / "environment.json").parent.mkdir()
    with pytest.raises(UserError), record_run(runs[2].folder, [], 0):
        raise UserError("the cost became nan by step 3")
    checkpoint.save(runs[2].folder / "checkpoints", 2, {}, {})
    update_state(runs[2])
    why = "continues from step 2; the last time it failed: the cost became nan by step 3"
    assert (runs[2].state, runs[2].last_line) == ("waiting", why)
    assert listing(runs).splitlines()[3].endswith(f"{runs[2].folder}  {why}")
    assert json.loads(listing_as_json(runs))[2]["why"] == why


def test_the_table_counts_the_states_and_says_who_holds_a_folder(runs):
    lines = table(runs).splitlines()
    assert lines[1].split()[1:] == ["finished", "1/1", "0.5000"]
    assert " in use by process " in lines[2]
    assert lines[-1] == "1 finished, 1 elsewhere, 2 waiting"


def test_the_table_says_which_metrics_cannot_be_read_and_shows_the_other_runs(runs):
    runs[2].folder.mkdir()
    (runs[2].folder / "metrics.csv").write_text("epoch\n1\n")
    lines = table(runs).splitlines()
    assert lines[1].split()[1:] == ["finished", "1/1", "0.5000"]
    assert lines[3].split()[1:3] == ["waiting", "?/1"]
    assert "metrics.csv, line 1: the header must be" in lines[3]


def test_indices_are_those_of_the_plan_whichever_runs_are_listed(runs):
    some = runs[1:3]
    assert [line.split()[0] for line in listing(some).splitlines()] == ["index", "1", "2"]
    rows = json.loads(listing_as_json(some))
    assert [(row["index"], row["state"]) for row in rows] == [(1, "elsewhere"), (2, "waiting")]
    assert rows[0]["why"] == runs[1].last_line


@pytest.mark.parametrize(
    ("failed_with", "code"), [([], 0), ([2], 2), ([2, 2], 2), ([1], 1), ([1, 2], 1), ([-9], 1)]
)
def test_the_exit_code_tells_wrong_input_from_failures(runs, failed_with, code):
    for run, exited in zip(runs, failed_with, strict=False):
        run.state, run.exit_code = "failed", exited
    assert exit_code(runs) == code
