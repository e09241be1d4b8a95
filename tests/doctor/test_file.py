"""Loading a file of anybody's: what is admitted, and what is refused before TensorFlow loads."""

import json
import pickle
import zipfile

import keras
import numpy as np
import pytest
from doctor_helpers import cnn

from bnstudy.doctor import file
from bnstudy.errors import UserError


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.keras"
    cnn(4).save(path)
    return path


def rewritten(path, change):
    """Write a file whose configuration is another."""
    out = path.with_name("changed.keras")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name == file.CONFIG else content)
    return out


def test_an_own_model_is_admitted_and_loads(saved):
    config = file.read_config(saved)
    assert file.has_batch_norm(config)
    assert file.input_shape(config) == (None, 8, 8, 1)
    images = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    loaded = file.load(saved)
    np.testing.assert_array_equal(loaded(images), keras.saving.load_model(saved)(images))


def test_a_model_with_operations_masks_and_a_trained_optimizer_is_admitted(tmp_path):
    images = keras.Input((8, 8, 1))
    x = keras.layers.Dense(4, keras.activations.gelu, kernel_regularizer="l2")(images) + images
    x = keras.ops.mean(keras.ops.relu(x), axis=(1, 2))
    model = keras.Model(images, x)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model.compile(keras.optimizers.SGD(schedule), "mse", metrics=["mae"])
    model.save(tmp_path / "ops.keras")
    config = file.read_config(tmp_path / "ops.keras")
    assert not file.has_batch_norm(config)
    assert file.load(tmp_path / "ops.keras").optimizer is not None


def test_code_in_a_file_is_refused(tmp_path):
    images = keras.Input((8, 8, 1))
    model = keras.Model(images, keras.layers.Lambda(lambda x: x * 2)(images))
    model.save(tmp_path / "lambda.keras")
    with pytest.raises(UserError, match="can run code or read other files"):
        file.read_config(tmp_path / "lambda.keras")


@pytest.mark.parametrize(
    "part",
    [
        {"class_name": "TFSMLayer", "module": "keras.layers", "config": {"filepath": "x"}},
        {"class_name": "function", "module": "builtins", "config": "evil"},
        {"class_name": "function", "module": "keras.utils", "config": "get_file"},
        {"class_name": "enable_unsafe_deserialization", "module": "keras.config", "config": {}},
        {"class_name": "Popen", "module": "subprocess", "config": {"args": "ls"}},
        {"class_name": "Mine", "module": None, "registered_name": "their>Mine", "config": {}},
        {"class_name": "Mine", "module": "kerasine.layers", "config": {}},
    ],
)
def test_what_is_not_kerass_own_is_refused_without_loading_it(saved, part):
    def change(content):
        config = json.loads(content)
        config["config"]["layers"].append({"config": [{"nested": part}]})
        return json.dumps(config)

    with pytest.raises(UserError, match="load it yourself, if you trust it") as error:
        file.read_config(rewritten(saved, change))
    assert "\n" not in str(error.value)


def test_other_formats_and_damaged_files_are_refused(tmp_path, saved):
    (tmp_path / "old.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"0" * 100)
    (tmp_path / "renamed.keras").write_bytes(b"\x89HDF\r\n\x1a\n" + b"0" * 100)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps([1]))
    (tmp_path / "half.keras").write_bytes(saved.read_bytes()[:-100])
    (tmp_path / "text.keras").write_text("hello")
    with zipfile.ZipFile(tmp_path / "empty.keras", "w") as archive:
        archive.writestr("readme.txt", "")
    wrong = {
        "old.h5": "is HDF5",
        "renamed.keras": "is HDF5",
        "model.pkl": "is a pickle",
        "half.keras": "must be a .keras file",
        "text.keras": "must be a .keras file",
        "empty.keras": "has no config.json",
        "nothing.keras": "no such file",
        ".": "must be a .keras file",
    }
    for name, says in wrong.items():
        with pytest.raises(UserError, match=says) as error:
            file.read_config(tmp_path / name)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="is damaged"):
        file.read_config(rewritten(saved, lambda content: content[:-20]))


def test_weights_that_do_not_fit_are_one_line(saved):
    changed = rewritten(saved, lambda content: content.replace(b'"filters": 4', b'"filters": 5'))
    file.read_config(changed)
    with pytest.raises(UserError, match="cannot load") as error:
        file.load(changed)
    assert "\n" not in str(error.value)
