"""The run folder: exact round trip, atomic writes, one clear line for each kind of damage."""

import csv
import json
import math
import subprocess
import sys

import numpy as np
import pytest

from bnstudy.config.load import load_config
from bnstudy.errors import UserError
from bnstudy.run_folder.log import (
    COLUMNS,
    load_log,
    result_from,
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


def test_importing_the_log_imports_neither_tensorflow_nor_matplotlib():
    code = "import sys, bnstudy.run_folder.log; print({'tensorflow', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
