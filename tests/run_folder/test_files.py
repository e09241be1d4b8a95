"""Files of a run folder: whatever happens, they hold the old or the new content, all of it."""

import os
from pathlib import Path

import pytest

from bnstudy.run_folder.files import write_bytes_atomic, write_text_atomic


def test_a_failing_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    write_bytes_atomic(tmp_path / "file", b"old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_bytes_atomic(tmp_path / "file", b"new, and longer")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_the_content_is_safe_on_disk_before_the_name_is(tmp_path, monkeypatch):
    steps = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor):
        steps.append(("fsync", os.fstat(descriptor).st_ino))
        real_fsync(descriptor)

    def replace(source, target):
        assert Path(source).parent == Path(target).parent  # a rename across disks is no rename
        assert Path(source).read_bytes() == b"new"
        steps.append(("replace", os.stat(source).st_ino))
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    write_bytes_atomic(tmp_path / "file", b"new")
    file, folder = (tmp_path / "file").stat().st_ino, tmp_path.stat().st_ino
    assert steps[:2] == [("fsync", file), ("replace", file)]
    if os.name == "posix":
        assert steps[2:] == [("fsync", folder)]


def test_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "usual").write_text("")
    write_text_atomic(tmp_path / "ours", "µ")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert (tmp_path / "ours").read_bytes() == "µ".encode()
