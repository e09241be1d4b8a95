"""Paths as a user gives them."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from bnstudy import paths
from bnstudy.errors import UserError
from bnstudy.paths import as_list, is_clutter, shipped, user_path

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("path", ["~/run", Path("~/run"), np.str_("~/run")])
def test_a_tilde_is_the_home_folder(path, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path(path, "x", "a path") == tmp_path / "run"


def test_other_paths_stay_as_they_are():
    for path in ("run", "a/~/b", "/run", "."):
        assert user_path(path, "x", "a path") == Path(path)


@pytest.mark.parametrize("path", [None, 3, b"run", ["run"], "", "a\0b", "~nobody-of-that-name"])
def test_a_value_that_is_not_a_path_is_one_line_that_names_the_argument(path):
    with pytest.raises(UserError, match=r"^out") as caught:
        user_path(path, "out", "a folder")
    assert len(str(caught.value).splitlines()) == 1


def test_one_or_several_are_a_list():
    assert as_list("quick", "presets", "names") == ["quick"]
    assert as_list(Path("a"), "folders", "paths") == [Path("a")]
    assert as_list(("a", "b"), "presets", "names") == ["a", "b"]
    assert as_list(np.array(["a", "b"]), "presets", "names") == ["a", "b"]
    with pytest.raises(UserError, match="presets is of type int, must be a list of names"):
        as_list(3, "presets", "names")


def test_what_is_shipped_is_found_in_the_checkout_and_is_part_of_the_wheel():
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    included = targets["targets"]["wheel"]["force-include"]
    assert included == {path: f"bnstudy/{path}" for path in included}
    assert {path.partition("/")[0] for path in included} == {"configs", "experiments", "playground"}
    for path in included:
        assert (shipped(path.partition("/")[0]).parent / path).exists()


def test_what_is_shipped_is_found_in_an_installed_package(tmp_path, monkeypatch):
    (tmp_path / "bnstudy" / "configs").mkdir(parents=True)
    monkeypatch.setattr(paths, "__file__", str(tmp_path / "bnstudy" / "paths.py"))
    assert shipped("configs") == tmp_path / "bnstudy" / "configs"
    assert shipped("playground") == tmp_path.parent / "playground"


@pytest.mark.parametrize("name", ["config.yaml", "metrics.csv", ".hidden", "thesis.docx", "_x"])
def test_a_users_own_file_is_not_clutter(name):
    assert not is_clutter(name)


@pytest.mark.parametrize("name", [".DS_Store", "._x", "Thumbs.db", "THUMBS.DB", "Icon\r"])
def test_files_of_other_programs_are_clutter(name):
    assert is_clutter(name)
