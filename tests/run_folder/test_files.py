"""Files of a run folder: whatever happens, they have their complete old or new content."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bnstudy.errors import UserError
from bnstudy.run_folder.files import (
    is_temporary,
    read_json,
    write_bytes_atomic,
    write_json,
    write_text_atomic,
)


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
        assert Path(source).parent == Path(target).parent  # a rename across disks is not atomic
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


def test_a_real_write_that_fails_leaves_the_old_file(tmp_path):
    """A limit on the size of files makes the write itself fail, as a full disk does."""
    script = """
import resource, sys, signal
from bnstudy.run_folder.files import write_bytes_atomic
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_bytes_atomic(sys.argv[1], b"x" * 100_000)
except OSError as error:
    print(type(error).__name__)
"""
    path = tmp_path / "file"
    path.write_text("old")
    command = [sys.executable, "-c", script, str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == "OSError\n"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_a_temporary_file_is_known_by_its_name(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "replace", lambda source, target: seen.append(Path(source)))
    write_text_atomic(tmp_path / "metrics.csv", "x")
    assert is_temporary(seen[0])
    for name in ("metrics.csv", "notes.tmp", ".notes.tmp", "metrics.csv.77.tmp"):
        assert not is_temporary(tmp_path / name)


def test_json_comes_back_and_nan_is_refused(tmp_path):
    path = tmp_path / "x.json"
    assert read_json(path) is None
    write_json(path, {"a": [1, 0.1, None]})
    assert read_json(path) == {"a": [1, 0.1, None]}
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # as an editor may save it
    assert read_json(path) == {"a": [1, 0.1, None]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})


@pytest.mark.parametrize("content", [b"{", b"", b"[1]", b"\xff\xfe{", b"[" * 100_000])
def test_damaged_json_is_one_line(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.json is damaged") as caught:
        read_json(tmp_path / "x.json")
    assert "\n" not in str(caught.value)
