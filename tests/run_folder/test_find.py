"""Which run folders a user means: folders of runs, folders in folders, runs kept aside."""

import re

import pytest

from bnstudy.errors import UserError
from bnstudy.run_folder.find import run_folders


def names(paths):
    return [folder.name for folder in run_folders(paths)]


def test_a_folder_stands_for_all_runs_below_it(make_run, tmp_path):
    for name in ("sweep/b", "sweep/a", "sweep/a.old-1", "sweep/more/c", "sweep.old-2/e", "d"):
        make_run(name, epochs=1, case="a")
    (tmp_path / "sweep" / "comparison.png").write_bytes(b"")
    assert names(tmp_path / "sweep") == ["a", "b", "c"]
    assert names([tmp_path / "d", str(tmp_path / "sweep")]) == ["d", "a", "b", "c"]
    assert names(tmp_path) == ["d", "a", "b", "c"]
    # By its own name, a run that was kept aside counts; and each run counts once.
    assert names(tmp_path / "sweep" / "a.old-1") == ["a.old-1"]
    assert names(tmp_path / "sweep.old-2") == ["e"]
    assert names([tmp_path / "d", tmp_path / "sweep" / ".." / "d"]) == ["d"]


@pytest.mark.parametrize(
    ("folder", "says"),
    [
        ("empty", "empty is not a run folder (it has no config.yaml) and holds none"),
        ("nowhere", "nowhere: no such folder"),
        ("sweep/*", "sweep/*: no such folder"),  # a shell keeps a pattern that matches nothing
        (3, "run_folder is of type int, must be the path of a run folder"),
    ],
)
def test_no_run_is_one_line(tmp_path, monkeypatch, folder, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty" / "a").mkdir(parents=True)
    with pytest.raises(UserError, match=re.escape(says)):
        run_folders([folder])


def test_links_to_runs_are_followed_once_and_circles_end(make_run, tmp_path):
    for name in ("sweep/a", "elsewhere/b"):
        make_run(name, epochs=1, case="a")
    (tmp_path / "sweep" / "b").symlink_to(tmp_path / "elsewhere" / "b")
    (tmp_path / "sweep" / "same").symlink_to(tmp_path / "sweep" / "a")
    (tmp_path / "sweep" / "circle").symlink_to(tmp_path / "sweep")
    assert names(tmp_path / "sweep") == ["a", "b"]


def test_a_run_that_has_lost_its_configuration_is_not_passed_over(make_run, tmp_path):
    make_run("sweep/a", epochs=1, case="a")
    lost = make_run("sweep/lost", epochs=1, case="a")
    (lost / "result.json").write_text("{}")
    (lost / "config.yaml").unlink()
    with pytest.raises(UserError, match=r"lost is a run without config\.yaml; restore"):
        run_folders(tmp_path)


def test_a_run_goes_by_its_own_name_and_is_not_lost_to_a_link(make_run, tmp_path):
    make_run("sweep/z", epochs=1, case="a")
    (tmp_path / "sweep" / "latest").symlink_to(tmp_path / "sweep" / "z")
    (tmp_path / "sweep" / "m.old-1").mkdir()
    (tmp_path / "sweep" / "m.old-1" / "best").symlink_to(tmp_path / "sweep" / "z")
    assert names(tmp_path / "sweep") == ["z"]
