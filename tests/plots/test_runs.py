"""The runs of a figure: those that have only started are left out."""

import warnings

import pytest

from bnstudy.errors import UserError
from bnstudy.plots.runs import load_runs
from bnstudy.run_folder.log import write_metrics


def names(folders):
    with warnings.catch_warnings(action="error"):
        return [log.folder.name for log in load_runs(folders)]


def test_a_run_folder_without_its_log_is_one_line(tmp_path):
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.yaml").write_text("seed: 0\n")
    with pytest.raises(UserError, match=r"half is not a run folder: it has no metrics\.csv"):
        load_runs(tmp_path / "half")


def test_a_run_without_an_epoch_is_left_out_with_a_warning_unless_it_is_alone(make_run):
    done, started = make_run("done", epochs=1, case="a"), make_run("started", case="a")
    write_metrics(started, [])
    with pytest.warns(UserWarning, match=r"left out, since no epoch has finished yet: .*started$"):
        logs = load_runs([started, done])
    assert [log.folder for log in logs] == [done]
    assert names(started) == ["started"]  # who draws it says that there is nothing to draw
