"""Values that Python code gives load_config: NumPy's numbers, paths, and wrong types."""

from pathlib import Path

import numpy as np
import pytest

import bnstudy


@pytest.mark.parametrize(
    ("key", "value", "plain"),
    [
        ("seed", np.int64(3), 3),
        ("seed", np.array(3), 3),
        ("model.width", np.float32(0.25), 0.25),
        ("model.width", np.uint8(1), 1.0),
        ("bn.debias", np.bool_(True), True),
        ("bn.debias", np.array(True), True),
        ("data.name", np.str_("digits"), "digits"),
        ("data.dir", Path("x"), "x"),
    ],
)
def test_numpy_values_and_paths_become_pythons_own(key, value, plain):
    found = bnstudy.load_config("c", overrides={key: value}).flat()[key]
    assert found == plain
    assert type(found) is type(plain)


@pytest.mark.parametrize("value", [np.array([3]), np.float64(3), np.bool_(True), np.str_("3")])
def test_numpy_values_of_another_kind_are_refused(value):
    with pytest.raises(bnstudy.UserError, match="seed: must be an integer") as caught:
        bnstudy.load_config("c", overrides={"seed": value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"presets": 5}, "presets is of type int, must be a list of names of presets"),
        ({"file": 5}, "file is of type int, must be the path of a configuration file"),
        ({"file": b"x"}, "file is of type bytes"),
        ({"file": "~nobody-of-that-name/x"}, "there is no such user"),
        ({"overrides": [1]}, "overrides is of type list, must map keys to values"),
        ({"case": 3}, "unknown case 3; the cases are a, b, c"),
    ],
)
def test_wrong_types_are_one_line(arguments, says):
    with pytest.raises(bnstudy.UserError) as caught:
        bnstudy.load_config(**arguments)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own.yaml").write_text("extends: cases/b\n")
    assert bnstudy.load_config(file="~/own.yaml").case == "b"
    assert bnstudy.load_config("c", presets=np.array(["lite", "as_posted"])).case == "c"
