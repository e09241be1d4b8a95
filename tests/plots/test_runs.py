"""Which runs a user means: folders of runs, folders in folders, runs that have only started."""

import re
import warnings

import pytest

from bnstudy.errors import UserError
from bnstudy.plots.runs import load_runs
from bnstudy.run_folder.log import write_metrics


def names(folders):
    with warnings.catch_warnings(action="error"):
        return [log.folder.name for log in load_runs(folders)]


def test_a_folder_of_runs_stands_for_those_directly_in_it(make_run, tmp_path):
    for name in ("sweep/b", "sweep/a", "sweep/a.old-1", "sweep/more/c", "d"):
        make_run(name, epochs=1, case="a")
    (tmp_path / "sweep" / "comparison.png").write_bytes(b"")
    assert names(tmp_path / "sweep") == ["a", "b"]
    assert names([tmp_path / "d", str(tmp_path / "sweep")]) == ["d", "a", "b"]
    # By its own name, a run that was kept aside is shown.
    assert names(tmp_path / "sweep" / "a.old-1") == ["a.old-1"]


@pytest.mark.parametrize(
    ("folder", "says"),
    [
        ("empty", "empty is not a run folder (it has no config.yaml) and holds none"),
        ("nowhere", "nowhere: no such folder"),
        ("sweep/*", "sweep/*: no such folder"),  # a shell keeps a pattern that matches nothing
        ("half", "half is not a run folder: it has no metrics.csv"),
        (3, "run_folder is of type int, must be the path of a run folder"),
    ],
)
def test_no_run_is_one_line(tmp_path, monkeypatch, folder, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty" / "a").mkdir(parents=True)
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.yaml").write_text("seed: 0\n")
    with pytest.raises(UserError, match=re.escape(says)):
        load_runs([folder])


def test_a_run_without_an_epoch_is_left_out_with_a_warning_unless_it_is_alone(make_run):
    done, started = make_run("done", epochs=1, case="a"), make_run("started", case="a")
    write_metrics(started, [])
    with pytest.warns(UserWarning, match=r"left out, since no epoch has finished yet: .*started$"):
        logs = load_runs([started, done])
    assert [log.folder for log in logs] == [done]
    assert names(started) == ["started"]  # who draws it says that there is nothing to draw
