"""The log: exact round trip, and one clear line for each kind of damage."""

import csv
import json
import math
import subprocess
import sys

import numpy as np
import pytest

from bnstudy.config.load import load_config
from bnstudy.errors import UserError
from bnstudy.run_folder.files import write_json, write_text_atomic
from bnstudy.run_folder.log import (
    COLUMNS,
    EpochMetrics,
    load_log,
    result_digest,
    result_from,
    write_metrics,
)

HEADER = (
    "epoch,learning_rate,images,train_cost,train_accuracy,test_cost,test_accuracy,"
    "train_seconds,test_seconds"
)


def make_rows(epochs=3, seed=0):
    random = np.random.default_rng(seed)
    return [
        EpochMetrics(
            epoch=epoch,
            learning_rate=3e-4 / (1 + 0.001 * epoch),
            images=1437 * 2 * epoch,
            train_cost=float(np.exp(random.normal())) / 3,
            train_accuracy=float(random.random()),
            test_cost=float(np.exp(random.normal())) * 1e-17,
            test_accuracy=float(random.random()),
            train_seconds=12.0625 + epoch,
            test_seconds=0.5,
        )
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
        written = [getattr(row, column) for row in make_rows()]
        if column.endswith("_seconds"):
            written = np.round(written, 3)
        np.testing.assert_array_equal(log.metrics[column], written)
    again = [EpochMetrics(*values) for values in zip(*log.metrics.values(), strict=True)]
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
    assert row["train_cost"] == repr(make_rows()[0].train_cost)
    assert row["train_seconds"] == "13.062"
    assert row["test_seconds"] == "0.500"


def test_float32_values_come_back_as_the_same_float32(folder):
    write_metrics(folder, [make_rows(1)[0]._replace(train_cost=np.float32(0.1))])
    assert load_log(folder).metrics["train_cost"][0] == np.float32(0.1)


def test_a_diverged_run_can_be_read(folder):
    first, second = make_rows(2)
    write_metrics(
        folder, [first._replace(train_cost=math.inf), second._replace(train_cost=math.nan)]
    )
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
    rows[1] = rows[1]._replace(test_accuracy=1.0, test_cost=0.0)
    result = result_from(rows, load_config(case="b"), parameters=1_618_080)
    assert list(result) == [
        *("case", "epochs", "train_cost", "train_accuracy", "test_cost", "test_accuracy"),
        *("total_seconds", "images_per_second", "parameters"),
    ]
    for column in ("train_cost", "train_accuracy", "test_cost", "test_accuracy"):
        assert result[column] == getattr(rows[2], column)
    assert (result["case"], result["epochs"], result["parameters"]) == ("b", 3, 1_618_080)
    seconds = 13.0625 + 14.0625 + 15.0625
    assert result["total_seconds"] == round(seconds + 1.5, 3)
    assert result["images_per_second"] == round(3 * 2874 / seconds, 1)


def test_the_result_of_a_diverged_run_is_valid_json(tmp_path):
    rows = [make_rows(1)[0]._replace(train_cost=math.nan)]
    result = result_from(rows, load_config(), parameters=1)
    assert result["train_cost"] is None
    assert result["case"] is None
    write_json(tmp_path / "result.json", result)
    assert json.loads((tmp_path / "result.json").read_text()) == result
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "result.json", {"train_cost": math.nan})


# ------------------------------------------------------------------------------- damage


def test_no_such_folder(tmp_path):
    with pytest.raises(UserError, match="nowhere: no such folder"):
        load_log(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["config.yaml", "metrics.csv"])
def test_a_folder_of_something_else(folder, name):
    (folder / name).unlink()
    with pytest.raises(UserError) as caught:
        load_log(folder)
    assert str(caught.value) == f"{folder} is not a run folder: it has no {name}"


@pytest.mark.parametrize("folder", [None, 3, b"run", ["run"]])
def test_a_value_that_is_not_a_path_is_one_line(folder):
    with pytest.raises(UserError, match="must be the path of a run folder"):
        load_log(folder)


def test_a_tilde_is_the_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert load_log(f"~/{folder.name}").folder == folder


SAVED_BY_SPREADSHEETS = {
    "a byte-order mark": lambda text: "\ufeff" + text,
    "lines that end in CRLF": lambda text: text.replace("\n", "\r\n"),
    "lines that end in CR": lambda text: text.replace("\n", "\r"),
    "no line end at the end": lambda text: text.rstrip("\n"),
    "empty lines": lambda text: "\n" + text.replace("\n", "\n\n") + "\n\n",
    "empty rows": lambda text: text + ",,,,,,,,\n,,,,,,,,\n",
    "empty columns": lambda text: text.replace("\n", ",,\n"),
    "quotes": lambda text: "".join(
        ",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in text.splitlines()
    ),
    "all of it": lambda text: "\ufeff" + text.replace("\n", ",,\r\n") + ",,,\r\n\r\n",
}


@pytest.mark.parametrize("change", SAVED_BY_SPREADSHEETS.values(), ids=SAVED_BY_SPREADSHEETS)
def test_metrics_saved_by_a_spreadsheet_are_read(folder, change):
    before = load_log(folder).metrics
    path = folder / "metrics.csv"
    path.write_bytes(change(path.read_text()).encode())
    for column, values in load_log(folder).metrics.items():
        np.testing.assert_array_equal(values, before[column])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace(",", ";").encode(), "with commas between the columns"),
        (lambda text: text.replace(",", "\t").encode(), "with commas between the columns"),
        (lambda text: text.encode("utf-16"), 'save it from a spreadsheet as "CSV UTF-8"'),
        (lambda text: text.encode() + b",\n", None),
    ],
    ids=["semicolons", "tabs", "UTF-16", "only a comma more"],
)
def test_metrics_in_another_format_are_refused_with_the_right_one(folder, change, says):
    path = folder / "metrics.csv"
    path.write_bytes(change(path.read_text()))
    if says is None:
        load_log(folder)
        return
    with pytest.raises(UserError) as caught:
        load_log(folder)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_configuration_saved_by_another_editor_is_read_or_refused_in_one_line(folder):
    path = folder / "config.yaml"
    text = path.read_text()
    path.write_bytes(("\ufeff" + text.replace("\n", "\r\n")).encode())
    assert load_log(folder).config == load_config(case="c", presets=["quick"])
    path.write_text(text, encoding="utf-16")
    with pytest.raises(UserError, match=r"config\.yaml: line 1: not UTF-8 text; save the file as"):
        load_log(folder)


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
        (
            f"{HEADER}\n{LINE.format(1)}".replace("1.2", "-1e-9"),
            "line 2: test_cost must be at least 0, not '-1e-9'",
        ),
        (
            f"{HEADER}\n{LINE.format(1)}".replace("1.5", "1_5"),
            "line 2: train_cost must be a number, not '1_5'",
        ),
        (
            f"{HEADER}\n{LINE.format(1)}".replace("0.0003", "nan"),
            "line 2: learning_rate must be a finite number of at least 0, not 'nan'",
        ),
        (
            f"{HEADER}\n{LINE.format(1)}".replace("10.000", "inf"),
            "line 2: train_seconds must be a finite number of at least 0, not 'inf'",
        ),
        (
            f"{HEADER}\n{LINE.format(1)}".replace("1.000", "-1"),
            "line 2: test_seconds must be a finite number of at least 0, not '-1'",
        ),
        (
            f"{HEADER}\n{LINE.format(1)}".replace("100", "0"),
            "line 2: images must grow from epoch to epoch, not 0",
        ),
        (
            f"{HEADER}\n{LINE.format(1)}\n{LINE.format(2)}",
            "line 3: images must grow from epoch to epoch, not 100",
        ),
        (b"\xff\xfe\x00", "is damaged: it is not CSV in UTF-8"),
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


@pytest.mark.parametrize("text", ['{"epochs": 3', "[1, 2]", '{"epochs": null}', '{"epochs": 3}'])
def test_a_damaged_result(folder, text):
    (folder / "result.json").write_text(text)
    with pytest.raises(UserError, match=r"result\.json is damaged"):
        load_log(folder)


def test_the_result_of_a_diverged_run_is_read(folder):
    rows = [*make_rows()[:-1], make_rows()[-1]._replace(test_cost=math.inf)]
    write_metrics(folder, rows)
    write_json(folder / "result.json", result_from(rows, load_log(folder).config, 10))
    assert load_log(folder).result["test_cost"] is None


def test_importing_the_log_imports_neither_tensorflow_nor_matplotlib():
    code = (
        "import sys, bnstudy.run_folder.log; print({'tensorflow', 'matplotlib'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"epochs": 2}, "result.json has 2 epochs and metrics.csv 3"),
        ({"total_seconds": "long"}, "total_seconds must be a number"),
        ({"images_per_second": "fast"}, "images_per_second must be a number"),
    ],
)
def test_a_result_that_does_not_fit_the_metrics_or_lacks_a_time(folder, change, says):
    result = result_from(make_rows(), load_log(folder).config, 10)
    write_json(folder / "result.json", result)
    assert load_log(folder).result == result
    write_json(folder / "result.json", {**result, **change})
    with pytest.raises(UserError, match=says):
        load_log(folder)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("train_cost", 7.0),
        ("train_cost", None),
        ("train_accuracy", 0.5),
        ("test_cost", 1e-18),
        ("test_accuracy", 7.5),
    ],
)
def test_a_result_of_another_run_than_the_metrics_is_refused(folder, column, value):
    result = result_from(make_rows(), load_log(folder).config, 10)
    write_json(folder / "result.json", result | {column: value})
    says = rf"is damaged: result\.json is of another run than metrics\.csv, {column};"
    with pytest.raises(UserError, match=says):
        load_log(folder)


def test_metrics_of_a_diverged_run_need_the_result_of_one(folder):
    write_json(folder / "result.json", result_from(make_rows(), load_log(folder).config, 10))
    write_metrics(folder, [*make_rows()[:-1], make_rows()[-1]._replace(train_cost=math.nan)])
    with pytest.raises(UserError, match=r"of another run than metrics\.csv, train_cost"):
        load_log(folder)


def test_a_result_of_another_case_is_refused(folder):
    result = result_from(make_rows(), load_log(folder).config, 10)
    write_json(folder / "result.json", result | {"case": "a"})
    with pytest.raises(UserError, match=r"of another run than config\.yaml, case;"):
        load_log(folder)


def test_metrics_that_a_spreadsheet_has_rounded_are_of_the_same_run(folder):
    write_json(folder / "result.json", result_from(make_rows(), load_log(folder).config, 10))
    lines = (folder / "metrics.csv").read_text().splitlines()
    rounded = [",".join(f"{float(cell):.9g}" for cell in line.split(",")) for line in lines[1:]]
    (folder / "metrics.csv").write_text("\n".join([lines[0], *rounded]))
    assert load_log(folder).result is not None


def test_the_digest_of_a_result_changes_with_every_digit_but_not_with_the_layout(folder):
    result = result_from(make_rows(), load_log(folder).config, 10)
    write_json(folder / "result.json", result)
    first = result_digest(folder)
    (folder / "result.json").write_text(json.dumps(dict(reversed(result.items()))))
    assert result_digest(folder) == first
    write_json(folder / "result.json", result | {"test_cost": result["test_cost"] * (1 + 1e-15)})
    assert result_digest(folder) != first
