"""The accuracy on plain training images: read back only beside the run that it was measured of."""

import shutil

import pytest
from trained_helpers import write_finished_run

from bnstudy.config.load import load_config
from bnstudy.errors import UserError
from bnstudy.run_folder import training_images
from bnstudy.run_folder.files import read_json, write_json
from bnstudy.run_folder.log import load_log

CONFIG = load_config(case="c", presets=["quick"])


@pytest.fixture
def folder(tmp_path):
    return write_finished_run(tmp_path / "run", CONFIG)


def test_what_is_written_is_read(folder):
    assert training_images.read_accuracy(load_log(folder)) is None
    path = training_images.write(folder, 0.9375, 0.25, "float32")
    assert path == folder / "training_images.json"
    assert training_images.read_accuracy(load_log(folder)) == 0.9375
    assert read_json(path)["cost"] == 0.25


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"accuracy": null}',
        '{"accuracy": "x"}',
        '{"accuracy": 97}',
        '{"accuracy": true}',
        '{"accuracy": NaN}',
        '{"accuracy": [0.5]}',
    ],
)
def test_a_damaged_file_is_one_line(folder, text):
    (folder / training_images.FILE).write_text(text)
    with pytest.raises(UserError, match=r"images\.json is damaged: accuracy must be a number from"):
        training_images.read_accuracy(load_log(folder))


def test_a_file_of_another_run_is_refused(folder, tmp_path):
    training_images.write(folder, 0.9, 0.3, "float32")
    longer = load_config(case="c", presets=["quick"], overrides={"training.epochs": 3})
    other = write_finished_run(tmp_path / "other", longer)
    shutil.copy(folder / training_images.FILE, other)
    with pytest.raises(UserError, match=r"is not of the result\.json beside it; make it again"):
        training_images.read_accuracy(load_log(other))


def test_a_file_of_another_precision_is_refused(folder):
    path = training_images.write(folder, 0.9, 0.3, "bfloat16")
    with pytest.raises(UserError, match="is not of the run's precision, float32; make it again"):
        training_images.read_accuracy(load_log(folder))
    found = read_json(path)
    del found["precision"]
    write_json(path, found)
    with pytest.raises(UserError, match="is not of the run's precision"):
        training_images.read_accuracy(load_log(folder))
