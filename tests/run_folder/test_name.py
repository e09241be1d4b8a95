"""The name of a run folder."""

import pytest

import bnstudy
from bnstudy.run_folder.name import run_name


@pytest.mark.parametrize(
    ("presets", "file", "seed", "changes", "name"),
    [
        ([], None, 0, [], "case-c_seed-0"),
        (["quick"], None, 4, [], "case-c_quick_seed-4"),
        (["lite", "as_posted"], "mine.yaml", 0, [], "case-c_lite_as_posted_mine_seed-0"),
        ([], None, 0, ["bn.momentum=0.5"], "case-c_bn.momentum=0.5_seed-0"),
        ([], None, 0, ["data.dir=a/b"], "case-c_data.dir=a-b_seed-0"),
    ],
)
def test_the_name_of_a_run_folder(tmp_path, presets, file, seed, changes, name):
    path = tmp_path / file if file else None
    if path:
        path.write_text("training: {epochs: 3}\n")
    config = bnstudy.load_config("c", presets, path, {"seed": seed})
    assert run_name(config, presets, path, changes) == name


def test_more_epochs_do_not_change_the_name(tmp_path):
    """So the same command, with more epochs, extends the run."""
    config = bnstudy.load_config("c", ["quick"], overrides={"training.epochs": 99})
    assert run_name(config, ["quick"], None) == "case-c_quick_seed-0"
