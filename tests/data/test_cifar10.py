"""CIFAR-10: where it is found, and what is checked whatever the form."""

import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from cifar10_helpers import (
    OFFICIAL_FORMS,
    N,
    archive_bytes,
    assert_is_the_data,
    file_contents,
    images_and_labels,
    make,
    make_npz,
    make_parquet,
    make_png_folder,
    refused,
    regular,
    write_folder,
)

from bnstudy.cli.main import main
from bnstudy.config.load import load_config
from bnstudy.data import cifar10, download
from bnstudy.data.packagings import common

REAL_DATA = os.environ.get("BNSTUDY_DATA")


@pytest.mark.parametrize("form", OFFICIAL_FORMS)
def test_every_form_gives_the_same_arrays(form, tmp_path):
    assert_is_the_data(cifar10.read(make(form, tmp_path)))


def test_importing_it_imports_nothing_heavy():
    code = (
        "import sys, bnstudy.data.cifar10\n"
        "sys.exit(bool({'tensorflow', 'pooch', 'PIL', 'pyarrow'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


@pytest.mark.parametrize("form", ["py", "bin"])
def test_missing_file_is_named(form, tmp_path):
    contents = file_contents(form)
    name = sorted(contents)[2]
    del contents[name]
    refused(write_folder(tmp_path / "folder", contents), name)
    (tmp_path / "x").write_bytes(archive_bytes(regular(n, c) for n, c in contents.items()))
    refused(tmp_path / "x", name, "lacks")


def test_a_folder_or_archive_without_images_is_refused(tmp_path):
    refused(tmp_path, "does not contain CIFAR-10", "cifar-10-batches-py")
    refused(tmp_path / "none", "none does not exist")
    (tmp_path / "other.tar").write_bytes(archive_bytes([regular("a/b", b"c")]))
    refused(tmp_path / "other.tar", "lacks data_batch_1", "unpack it")


@pytest.mark.parametrize("part", [0, 5])
@pytest.mark.parametrize("form", ["py", "bin"])
def test_classes_out_of_balance(form, part, tmp_path):
    labels = images_and_labels()[1].copy()
    labels[part][labels[part] == 3] = 4
    name, count = ("training", N // 2) if part == 0 else ("test", N // 10)
    folder = write_folder(tmp_path, file_contents(form, labels))
    refused(folder, "class 3", f"the {name} set", f"must have {count} of each")


@pytest.mark.parametrize("form", OFFICIAL_FORMS)
def test_find_accepts_the_form_itself_or_the_folder_around(form, home, tmp_path, monkeypatch):
    place = tmp_path / "data"
    path = make(form, place)
    assert cifar10.find(path) == cifar10.find(str(place)) == path
    for value in (path, place):
        monkeypatch.setenv("BNSTUDY_DATA", str(value))
        assert cifar10.find() == path
    assert_is_the_data(cifar10.load())


def test_find_knows_renamed_forms_and_the_home(home):
    folder = write_folder(home / "renamed", file_contents("bin"))
    assert cifar10.find("~/renamed") == folder
    archive = make("cifar-10-python.tar.gz", home / "a")
    archive = archive.rename(home / "mine.tgz")
    assert_is_the_data(cifar10.load(archive))


def test_find_prefers_what_is_complete(home, tmp_path):
    make("cifar-10-batches-py", tmp_path)
    binary = make("cifar-10-batches-bin", tmp_path)
    (tmp_path / "cifar-10-batches-py" / "test_batch").unlink()
    assert cifar10.find(tmp_path) == binary


def test_find_reports_an_incomplete_form_of_the_user(home, tmp_path):
    (make("cifar-10-batches-py", tmp_path) / "test_batch").unlink()
    refused(tmp_path, "test_batch", call=cifar10.load)


def test_given_place_without_data_is_refused_and_nothing_is_loaded(home, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "fetch", lambda: pytest.fail("downloads"))
    make("cifar-10-batches-py", home / ".keras" / "datasets")
    refused(tmp_path / "none", "--data", "none", "not exist", *OFFICIAL_FORMS, call=cifar10.load)
    monkeypatch.setenv("BNSTUDY_DATA", str(tmp_path))
    refused(None, "$BNSTUDY_DATA", str(tmp_path), "does not contain CIFAR-10", call=cifar10.load)
    monkeypatch.setenv("BNSTUDY_DATA", "")
    assert cifar10.find() is not None


def test_given_place_wins_over_the_environment(home, tmp_path, monkeypatch):
    monkeypatch.setenv("BNSTUDY_DATA", str(make("cifar-10-batches-bin", tmp_path / "environment")))
    path = make("cifar-10-batches-py", tmp_path / "given")
    assert cifar10.find(path) == path


@pytest.mark.parametrize("inner", ["", "cifar-10-batches-py-target"])
def test_find_in_the_caches(inner, home, tmp_path, monkeypatch):
    assert cifar10.find() is None
    keras = make("cifar-10-batches-py", home / ".keras" / "datasets" / inner)
    assert cifar10.find() == keras
    ours = make("cifar-10-python.tar.gz", download.cache_dir())
    assert home in ours.parents
    assert cifar10.find() == ours
    ours.unlink()
    (keras / "data_batch_5").unlink()  # what an interrupted Keras leaves
    assert cifar10.find() is None
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "k"))
    keras = make("cifar-10-batches-py", tmp_path / "k" / "datasets" / inner)
    assert cifar10.find() == keras


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("make_form", [make_npz, make_png_folder, make_parquet])
def test_find_looks_two_folders_down(make_form, depth, home, tmp_path):
    inner = tmp_path.joinpath("data", *"ab"[: depth - 1])
    path = make_form(inner / "cifar10")
    assert cifar10.find(tmp_path / "data") == path
    (tmp_path / "deeper").mkdir()
    (tmp_path / "data").rename(tmp_path / "deeper" / "data")
    if depth == 2:
        refused(tmp_path / "deeper", "does not contain CIFAR-10", call=cifar10.find)


def test_another_data_set_with_the_same_names_is_passed_over(home):
    """As in Keras's folder, which holds mnist.npz beside CIFAR-10."""
    keras = home / ".keras" / "datasets"
    write_folder(keras, {})
    zeros = np.zeros((5 * N, 28, 28), np.uint8)
    np.savez(keras / "mnist.npz", x_train=zeros, y_train=zeros, x_test=zeros, y_test=zeros)
    assert cifar10.find() is None
    refused(keras, "mnist.npz: x_train", call=cifar10.load)
    folder = make("cifar-10-batches-py", keras / "cifar-10-batches-py-target")
    assert cifar10.find() == cifar10.find(keras) == folder


@pytest.mark.parametrize("form", OFFICIAL_FORMS[:2])
def test_one_file_of_six_is_refused_and_the_folder_named(form, home, tmp_path):
    folder = make(form, tmp_path)
    for file in folder.iterdir():
        for call in (cifar10.find, cifar10.read, cifar10.load):
            refused(file, file.name, "one file of several", f"six: {folder}", call=call)


def test_one_parquet_file_is_refused_and_the_folder_named(home, tmp_path):
    folder = make_parquet(tmp_path)
    refused(next(folder.glob("*.parquet")), "one file", f"parquet: {folder}", call=cifar10.find)


def test_a_zip_is_recognized(home, tmp_path):
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("cifar10/train/airplane/0001.png", b"")
    advice = "archive.zip is a ZIP archive; unpack it and give the folder"
    refused(tmp_path / "archive.zip", advice, call=cifar10.find)
    refused(tmp_path / "archive.zip", advice)
    refused(tmp_path, "unpack archive.zip there", call=cifar10.find)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", bytes(600)])
def test_any_other_file_is_refused(content, home, tmp_path):
    (tmp_path / "file").write_bytes(content)
    for call in (cifar10.find, cifar10.read):
        refused(tmp_path / "file", "file is not CIFAR-10", "looked for", call=call)


@pytest.mark.parametrize("path", ["a\0b", "", 3, "~nobody-of-this-name/x", "x" * 5000, "x/" * 3000])
def test_impossible_paths_are_refused(path, home):
    refused(path, "data.dir (--data)", call=cifar10.find)


CLUTTER = (".DS_Store", "._data_batch_1", "Thumbs.db", "desktop.ini", ".complete")


def test_what_other_programs_leave_is_ignored(home, tmp_path):
    folder = make("cifar-10-batches-py", tmp_path / "data" / "a")
    for place in (tmp_path / "data", folder):
        write_folder(place, dict.fromkeys(CLUTTER, b"\0\5\x16\7"))
    make("cifar-10-batches-py", tmp_path / "data" / "__MACOSX")
    make("cifar-10-batches-py", tmp_path / "data" / ".trash")
    assert cifar10.find(tmp_path / "data") == folder
    assert_is_the_data(cifar10.read(folder))
    write_folder(tmp_path / "empty", dict.fromkeys(CLUTTER, b""))
    refused(tmp_path / "empty", "does not contain CIFAR-10", call=cifar10.find)


def test_the_home_is_known_in_every_setting(home, monkeypatch, capsys):
    folder = make("cifar-10-batches-py", home / "images")
    config = load_config(overrides={"data.dir": "~/images"}).data
    assert_is_the_data(cifar10.load_configured(config))
    assert main(["data", "where", "--data", "~/images"]) == 0
    monkeypatch.setenv("BNSTUDY_DATA", "~/images")
    assert main(["data", "where"]) == 0
    assert capsys.readouterr().out.split() == [str(folder)] * 2


def test_the_forms_of_the_same_images_are_the_same_arrays(home, tmp_path):
    """The hub's files and Keras's have the official order, folders by class that of the classes."""
    assert_is_the_data(cifar10.load(make_npz(tmp_path / "npz")))
    assert_is_the_data(cifar10.load(make_parquet(tmp_path / "parquet")))
    assert_is_the_data(cifar10.load(make_png_folder(tmp_path / "png")), by_class=True)


@pytest.mark.skipif(not REAL_DATA, reason="needs $BNSTUDY_DATA")
def test_real_data(monkeypatch):
    monkeypatch.setattr(common, "IMAGES_PER_FILE", 10_000)
    path = cifar10.find(REAL_DATA)
    train_images, train_labels, test_images, test_labels = arrays = cifar10.read(path)
    assert train_images.shape == (50_000, 32, 32, 3)
    assert test_images.shape == (10_000, 32, 32, 3)
    assert train_labels.shape == (50_000,)
    assert test_labels.shape == (10_000,)
    total = total_square = np.zeros((32, 32, 3), np.int64)
    for part in np.split(train_images, 50):
        total = total + part.sum(axis=0, dtype=np.int64)
        total_square = total_square + np.square(part, dtype=np.int32).sum(axis=0)
    mean = total.mean(axis=(0, 1)) / 50_000 / 255
    square = total_square.mean(axis=(0, 1)) / 50_000 / 255**2
    np.testing.assert_allclose(mean, [0.49140, 0.48216, 0.44653], atol=6e-6)
    np.testing.assert_allclose(np.sqrt(square - mean**2), [0.24703, 0.24349, 0.26159], atol=6e-6)
    other = path.with_name("cifar-10-batches-bin")
    if path.name == "cifar-10-batches-py" and other.is_dir():
        for one, two in zip(arrays, cifar10.read(other), strict=True):
            np.testing.assert_array_equal(one, two)
