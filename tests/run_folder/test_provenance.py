"""environment.json: an entry for each start of a run, and how it ended."""

import contextlib
import json

import pytest

from bnstudy.errors import UserError
from bnstudy.interrupts import Interrupted
from bnstudy.run_folder.provenance import record_run


def entries(folder):
    return json.loads((folder / "environment.json").read_text())["continuations"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "finished"),
        (Interrupted("saved"), "interrupted"),
        (KeyboardInterrupt(), "interrupted"),  # stopped immediately
        (UserError("the cost became nan"), "failed"),
        (MemoryError(), "failed"),
    ],
)
def test_every_end_is_recorded(tmp_path, error, outcome):
    with (
        contextlib.suppress(type(error)) if error else contextlib.nullcontext(),
        record_run(tmp_path, ["bnstudy", "run"], 7),
    ):
        (running,) = entries(tmp_path)
        assert (running["outcome"], running["stopped"]) == ("running", None)
        if error is not None:
            raise error
    (entry,) = entries(tmp_path)
    assert (entry["outcome"], entry["first_step"]) == (outcome, 7)
    assert entry.get("error") == ("the cost became nan" if isinstance(error, UserError) else None)
    assert entry["command"] == "bnstudy run"
    assert entry["started"] <= entry["stopped"]
    assert entry["peak_memory_mb"] is None or entry["peak_memory_mb"] > 10


def test_a_start_that_never_ended_was_killed_and_the_others_stay(tmp_path):
    with record_run(tmp_path, ["bnstudy"], 0):
        with record_run(tmp_path, ["bnstudy"], 3):  # the first one's process is gone
            assert [entry["outcome"] for entry in entries(tmp_path)] == ["killed", "running"]
        assert [entry["outcome"] for entry in entries(tmp_path)] == ["killed", "finished"]
        with record_run(tmp_path, ["bnstudy"], 5):
            pass
        told = [(entry["outcome"], entry["first_step"]) for entry in entries(tmp_path)]
        assert told == [("killed", 0), ("finished", 3), ("finished", 5)]


@pytest.mark.parametrize("text", ["{", "[]", '{"continuations": 3}', '{"continuations": [3]}'])
def test_a_damaged_file_is_one_line_and_stays(tmp_path, text):
    (tmp_path / "environment.json").write_text(text)
    with (
        pytest.raises(UserError, match=r"environment\.json is damaged"),
        record_run(tmp_path, [], 0),
    ):
        pass
    assert (tmp_path / "environment.json").read_text() == text
