"""Advice about folders: a reader of a plan is never told of an option of `bnstudy run`."""

from pathlib import Path

import pytest

import bnstudy
from bnstudy.run_folder.advice import NEW_FOLDER, START_OVER, in_a_plan


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (
            f"x ({NEW_FOLDER}, or {START_OVER})",
            "x (delete or move the folder, or change name: or out: in the plan)",
        ),
        (f"x is a file; {NEW_FOLDER}", "x is a file; change name: or out: in the plan"),
        (f"corrupt; {START_OVER}", "corrupt; delete or move the folder to start over"),
        ("epoch 1/2", "epoch 1/2"),
    ],
)
def test_options_of_one_run_become_what_a_plan_has(message, says):
    assert in_a_plan(message) == says


@pytest.mark.parametrize("folder", ["config", "data", "run_folder", "runner"])
def test_what_plans_share_with_single_runs_has_its_advice_from_here(folder):
    files = (Path(bnstudy.__file__).parent / folder).rglob("*.py")
    texts = {file.name: file.read_text() for file in files if file.name != "advice.py"}
    assert len(texts) > 5
    assert [name for name, text in texts.items() if "with --" in text] == []
