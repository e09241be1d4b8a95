"""The command `bnstudy data`."""

import pytest
from cifar10_helpers import N, make, make_npz

from bnstudy.cli.main import main
from bnstudy.data import download
from bnstudy.data.packagings import common


@pytest.fixture(autouse=True)
def small_and_nowhere(tmp_path, monkeypatch):
    """CIFAR-10 has 20 images a file, and is in no cache."""
    monkeypatch.setattr(common, "IMAGES_PER_FILE", N)
    for name in ("BNSTUDY_DATA", "XDG_CACHE_HOME", "KERAS_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def test_where_prints_the_path_and_verify_the_number_of_images(tmp_path, capsys):
    folder = make("cifar-10-batches-py", tmp_path / "data")
    assert main(["data", "where", "--data", str(tmp_path / "data")]) == 0
    assert main(["data", "verify", "--data", str(tmp_path / "data")]) == 0
    assert capsys.readouterr().out == f"{folder}\n{folder}: 100 + 20 images, OK\n"


def test_fetch_downloads_only_what_is_not_there(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(download, "fetch", lambda: tmp_path / "downloaded")
    assert main(["data", "fetch"]) == 0
    assert main(["data", "fetch", "--data", str(make_npz(tmp_path))]) == 0
    assert capsys.readouterr().out.split() == [
        str(tmp_path / "downloaded"),
        str(tmp_path / "cifar10.npz"),
    ]


@pytest.mark.parametrize("action", ["where", "verify"])
def test_without_data_one_line_says_how_to_get_it(action, capsys):
    assert main(["data", action]) == 2
    assert capsys.readouterr().err.endswith("get it with: bnstudy data fetch\n")


@pytest.mark.parametrize("action", ["where", "verify", "fetch"])
def test_one_file_of_six_is_refused_by_every_action(action, tmp_path, capsys):
    folder = make("cifar-10-batches-py", tmp_path)
    assert main(["data", action, "--data", str(folder / "data_batch_1")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"give the folder that holds all six: {folder}" in error
