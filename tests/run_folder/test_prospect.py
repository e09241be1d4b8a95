"""What the next start of a run will do: where it goes on, and how it ended last."""

import contextlib

import numpy as np
import pytest

from bnstudy.errors import UserError
from bnstudy.interrupts import Interrupted
from bnstudy.run_folder import checkpoint
from bnstudy.run_folder.prospect import prospect
from bnstudy.run_folder.provenance import record_run


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (UserError("the cost became nan"), "the last time it failed: the cost became nan"),
        (MemoryError(), "the last time it failed"),
        (Interrupted("saved"), "the last time it was stopped"),
        (None, "the last time it finished with fewer epochs"),
    ],
)
@pytest.mark.parametrize("steps", [[], [7, 120]])
def test_a_run_continues_from_its_last_checkpoint_and_says_how_it_ended(
    tmp_path, error, says, steps
):
    for outcome in (Interrupted("an earlier start"), error):
        with contextlib.suppress(Exception), record_run(tmp_path, [], 0):
            if outcome:
                raise outcome
    for step in steps:
        checkpoint.save(tmp_path / "checkpoints", step, {"w": np.zeros(2)}, {})
    then = "continues from step 120" if steps else "starts again"
    assert prospect(tmp_path) == f"{then}; {says}"


def test_a_start_that_nobody_has_ended_was_killed(tmp_path):
    with record_run(tmp_path, [], 0):
        assert prospect(tmp_path) == "starts again; the last time it was killed"


def test_of_a_run_that_has_never_begun_there_is_nothing_to_say(tmp_path):
    (tmp_path / "file").write_text("")
    assert [prospect(tmp_path / name) for name in ("", "none", "file")] == ["", "", ""]
