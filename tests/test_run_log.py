"""The run folder: exact round trip, atomic writes, one clear line for each kind of damage."""

import csv
import json
import math
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import bnstudy
from bnstudy import run_log
from bnstudy.config import load_config
from bnstudy.errors import UserError
from bnstudy.run_log import (
    COLUMNS,
    environment,
    load_log,
    result_from,
    write_bytes_atomic,
    write_json,
    write_metrics,
    write_text_atomic,
)

HEADER = (
    "epoch,learning_rate,images,train_cost,train_accuracy,test_cost,test_accuracy,"
    "train_seconds,test_seconds"
)


def make_rows(epochs=3, seed=0):
    random = np.random.default_rng(seed)
    return [
        {
            "epoch": epoch,
            "learning_rate": 3e-4 / (1 + 0.001 * epoch),
            "images": 1437 * 2 * epoch,
            "train_cost": float(np.exp(random.normal())) / 3,
            "train_accuracy": float(random.random()),
            "test_cost": float(np.exp(random.normal())) * 1e-17,
            "test_accuracy": float(random.random()),
            "train_seconds": 12.0625 + epoch,
            "test_seconds": 0.5,
        }
        for epoch in range(1, epochs + 1)
    ]


@pytest.fixture
def folder(tmp_path):
    write_text_atomic(tmp_path / "config.yaml", load_config(case="c", presets=["quick"]).to_yaml())
    write_metrics(tmp_path, make_rows())
    return tmp_path


def test_metrics_survive_the_round_trip_bit_for_bit(folder):
    log = load_log(folder)
    assert tuple(log.metrics) == COLUMNS
    for column in COLUMNS:
        kind = np.int64 if column in ("epoch", "images") else np.float64
        assert log.metrics[column].dtype == kind
        written = [row[column] for row in make_rows()]
        if column.endswith("_seconds"):
            written = np.round(written, 3)
        np.testing.assert_array_equal(log.metrics[column], written)
    again = [
        {column: log.metrics[column][i] for column in COLUMNS}
        for i in range(len(log.metrics["epoch"]))
    ]
    before = (folder / "metrics.csv").read_bytes()
    write_metrics(folder, again)  # NumPy scalars are written as the same text
    assert (folder / "metrics.csv").read_bytes() == before


def test_the_file_is_the_documented_csv(folder):
    lines = (folder / "metrics.csv").read_text().splitlines()
    assert lines[0] == HEADER == ",".join(COLUMNS)
    assert len(lines) == 4
    row = next(csv.DictReader(lines))
    assert row["epoch"] == "1"
    assert row["images"] == "2874"
    assert row["train_cost"] == repr(make_rows()[0]["train_cost"])
    assert row["train_seconds"] == "13.062"
    assert row["test_seconds"] == "0.500"


def test_float32_figures_come_back_as_the_same_float32(folder):
    rows = make_rows(1)
    rows[0]["train_cost"] = np.float32(0.1)
    write_metrics(folder, rows)
    assert load_log(folder).metrics["train_cost"][0] == np.float32(0.1)


def test_a_diverged_run_can_be_read(folder):
    rows = make_rows(2)
    rows[0]["train_cost"], rows[1]["train_cost"] = math.inf, math.nan
    write_metrics(folder, rows)
    np.testing.assert_array_equal(load_log(folder).metrics["train_cost"], [math.inf, math.nan])


def test_a_run_in_progress_has_no_result(folder):
    log = load_log(str(folder))
    assert log.result is None
    assert log.folder == folder
    assert log.config == load_config(case="c", presets=["quick"])


def test_a_finished_run_has_its_result(folder):
    result = result_from(make_rows(), load_config(case="c"), parameters=1_617_696)
    write_json(folder / "result.json", result)
    assert load_log(folder).result == result


def test_no_finished_epoch_is_a_valid_log(folder):
    write_metrics(folder, [])
    log = load_log(folder)
    assert all(len(values) == 0 for values in log.metrics.values())
    assert log.metrics["epoch"].dtype == np.int64


def test_the_result_is_the_last_epoch_and_never_the_best():
    rows = make_rows(3)
    rows[1]["test_accuracy"], rows[1]["test_cost"] = 1.0, 0.0
    result = result_from(rows, load_config(case="b"), parameters=1_618_080)
    assert list(result) == [
        *("case", "epochs", "train_cost", "train_accuracy", "test_cost", "test_accuracy"),
        *("total_seconds", "images_per_second", "parameters"),
    ]
    for column in ("train_cost", "train_accuracy", "test_cost", "test_accuracy"):
        assert result[column] == rows[2][column]
    assert (result["case"], result["epochs"], result["parameters"]) == ("b", 3, 1_618_080)
    seconds = 13.0625 + 14.0625 + 15.0625
    assert result["total_seconds"] == round(seconds + 1.5, 3)
    assert result["images_per_second"] == round(3 * 2874 / seconds, 1)


def test_the_result_of_a_diverged_run_is_valid_json(tmp_path):
    rows = make_rows(1)
    rows[0]["train_cost"] = math.nan
    result = result_from(rows, load_config(), parameters=1)
    assert result["train_cost"] is None
    assert result["case"] is None
    write_json(tmp_path / "result.json", result)
    assert json.loads((tmp_path / "result.json").read_text()) == result
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "result.json", {"train_cost": math.nan})


@pytest.mark.parametrize("change", [{"extra": 1}, {"test_cost": None}])
def test_a_row_of_other_columns_is_our_defect(tmp_path, change):
    row = make_rows(1)[0] | change
    if row["test_cost"] is None:
        del row["test_cost"]
    with pytest.raises(ValueError, match="exactly the columns"):
        write_metrics(tmp_path, [row])


# ------------------------------------------------------------------------------- damage


def test_no_such_folder(tmp_path):
    with pytest.raises(UserError, match="nowhere: no such folder"):
        load_log(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["config.yaml", "metrics.csv"])
def test_a_folder_of_something_else(folder, name):
    (folder / name).unlink()
    with pytest.raises(UserError) as caught:
        load_log(folder)
    assert str(caught.value) == f"{folder} is no run folder: it has no {name}"


LINE = "{},0.0003,100,1.5,0.4,1.2,0.5,10.000,1.000"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the header must be epoch,learning_rate,"),
        (HEADER.replace("images", "pictures"), "line 1: the header must be"),
        (f"{HEADER}\n{LINE.format(1)}\n2,0.0003,200,1.", "line 3: 9 values are expected, 4 found"),
        (f"{HEADER}\n{LINE.format(1)},7", "line 2: 9 values are expected, 10 found"),
        (f"{HEADER}\n{LINE.format(1)}\n{LINE.format(3)}", "line 3: epoch 2 is expected, not 3"),
        (f"{HEADER}\n{LINE.format(2)}", "line 2: epoch 1 is expected, not 2"),
        (f"{HEADER}\n{LINE.format(0)}", "line 2: epoch 1 is expected, not 0"),
        (f"{HEADER}\n{LINE.format('1.0')}", "line 2: epoch must be an integer, not '1.0'"),
        (
            f"{HEADER}\n{LINE.format(1)}".replace("1.2", "one"),
            "line 2: test_cost must be a number, not 'one'",
        ),
        (
            f"{HEADER}\n{LINE.format(1)}".replace("0.5", "50.0"),
            "line 2: test_accuracy must be a fraction from 0 to 1, not '50.0'",
        ),
        (
            f"{HEADER}\n{LINE.format(1)}".replace("0.4", "nan"),
            "line 2: train_accuracy must be a fraction from 0 to 1, not 'nan'",
        ),
        (b"\xff\xfe\x00", "is damaged: it is no CSV text"),
    ],
)
def test_damaged_metrics_name_file_line_and_what_is_right(folder, text, message):
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "metrics.csv").write_bytes(data)
    with pytest.raises(UserError) as caught:
        load_log(folder)
    assert str(folder / "metrics.csv") in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ['{"epochs": 3', "[1, 2]"])
def test_a_damaged_result(folder, text):
    (folder / "result.json").write_text(text)
    with pytest.raises(UserError, match=r"result\.json is damaged"):
        load_log(folder)


# ------------------------------------------------------------------------------- atomic writes


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


# ------------------------------------------------------------------------------- environment


def test_environment_says_where_and_how(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    facts = environment(["bnstudy", "run", "--out", "my runs"])
    assert facts["command"] == "bnstudy run --out 'my runs'"
    assert facts["versions"]["bnstudy"] == bnstudy.__version__
    assert facts["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["versions"]["numpy"] == np.__version__
    assert facts["cpu"]
    assert facts["cores"] >= 1
    assert facts["variables"]["OMP_NUM_THREADS"] == "2"
    assert facts["gpus"] is facts["threads"] is None
    write_json(tmp_path / "environment.json", facts)


def test_environment_asks_tensorflow_only_if_it_is_there(monkeypatch):
    gpu = types.SimpleNamespace(name="/physical_device:GPU:0")
    details = {"device_name": "Some GPU"}
    config = types.SimpleNamespace(
        list_physical_devices=lambda kind: [gpu] if kind == "GPU" else [],
        experimental=types.SimpleNamespace(get_device_details=lambda device: details),
        threading=types.SimpleNamespace(
            get_intra_op_parallelism_threads=lambda: 2,
            get_inter_op_parallelism_threads=lambda: 0,
        ),
    )
    stand_in = types.SimpleNamespace(__version__="9.9", config=config)
    monkeypatch.setitem(sys.modules, "tensorflow", stand_in)
    facts = environment([])
    assert facts["gpus"] == ["Some GPU"]
    assert facts["threads"] == {"intra_op": 2, "inter_op": 0}
    assert facts["versions"]["tensorflow"] == "9.9"
    details.clear()
    assert environment([])["gpus"] == ["/physical_device:GPU:0"]


def test_importing_the_log_imports_neither_tensorflow_nor_matplotlib():
    code = "import sys, bnstudy.run_log; print({'tensorflow', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout with one committed package file, and a function that runs git in it."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)  # as set when the tests run from a git hook
    (tmp_path / "package").mkdir()
    file = tmp_path / "package" / "run_log.py"
    file.write_text("1\n")

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    return file, git


def test_git_names_the_commit_and_changes_of_the_package(checkout, monkeypatch):
    file, git = checkout
    commit = git("rev-parse", "HEAD")
    assert run_log._git(file) == {"commit": commit, "dirty": False}
    (file.parents[1] / "notes.txt").write_text("outside of the package")
    assert run_log._git(file) == {"commit": commit, "dirty": False}
    file.with_name("new.py").write_text("2\n")
    assert run_log._git(file) == {"commit": commit, "dirty": True}
    file.with_name("new.py").unlink()
    file.write_text("3\n")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert run_log._git(file) == {"commit": commit, "dirty": True}


def test_git_is_silent_about_a_checkout_that_is_not_ours(checkout, monkeypatch):
    file, _ = checkout
    installed = file.parents[1] / "venv" / "run_log.py"  # in the checkout, but not tracked
    installed.parent.mkdir()
    installed.write_text("1\n")
    assert run_log._git(installed) is None
    monkeypatch.setenv("PATH", "")
    assert run_log._git(file) is None  # no git
