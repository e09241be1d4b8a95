"""Exports: which file they write, and how weights of older versions become the same."""

import filecmp
import shutil

import numpy as np
import pytest
from trained_helpers import config_of, random_arrays, some_images, write_finished_run

import bnstudy
from bnstudy.run_folder import checkpoint, weights
from bnstudy.trained import to_keras
from bnstudy.trained.export import export


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """Return the folder of a finished run, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    config = config_of("a batch_pixels")
    return write_finished_run(tmp_path / "my-run", config, random_arrays(config))


def make_old(folder, keep_standardization):
    """Replace weights.npz by a checkpoint."""
    arrays = weights.load(folder).arrays
    if not keep_standardization:
        arrays = {name: a for name, a in arrays.items() if "standardization" not in name}
    (folder / "weights.npz").unlink()
    checkpoint.save(folder / "checkpoints", 9, arrays, {"epoch": 2, "step": 0})


@pytest.mark.parametrize("complete", [True, False])
def test_weights_from_a_checkpoint_are_those_that_the_run_would_have_left(
    run_folder, tmp_path, complete
):
    """Even from a checkpoint without the standardization: it is computed from the data again."""
    shutil.copy(run_folder / "weights.npz", tmp_path / "kept.npz")
    expected = bnstudy.load_model(run_folder).predict(some_images())
    make_old(run_folder, complete)
    np.testing.assert_array_equal(bnstudy.load_model(run_folder).predict(some_images()), expected)
    assert not (run_folder / "weights.npz").exists()  # to load writes nothing
    assert export(run_folder, "npz") == run_folder / "weights.npz"
    assert filecmp.cmp(run_folder / "weights.npz", tmp_path / "kept.npz", shallow=False)


def test_other_formats_have_the_name_of_the_run_in_the_current_folder(run_folder, tmp_path):
    pytest.importorskip("safetensors", reason="the extra is not installed")
    path = export(run_folder, "safetensors")
    assert path.resolve() == tmp_path / "my-run.safetensors"
    assert path.read_bytes()


def test_a_file_can_be_named(run_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(to_keras, "as_bytes", lambda network: network.precision.encode())
    assert export(run_folder, "keras", tmp_path / "a.keras") == tmp_path / "a.keras"
    assert (tmp_path / "a.keras").read_text() == "float32"


def test_a_wrong_suffix_and_a_missing_folder_are_one_line(run_folder, tmp_path):
    with pytest.raises(bnstudy.UserError, match=r"a\.h5: the name of the file must end in \.keras"):
        export(run_folder, "keras", tmp_path / "a.h5")
    with pytest.raises(bnstudy.UserError, match=r"cannot write .*nowhere/a\.npz: No such file"):
        export(run_folder, "npz", tmp_path / "nowhere" / "a.npz")


@pytest.mark.parametrize("form", ["npz", "keras"])
def test_weights_of_another_network_are_not_exported(run_folder, tmp_path, form):
    config = bnstudy.load_log(run_folder).config
    arrays = {**weights.load(run_folder).arrays, "conv1/w": np.zeros(3, np.float32)}
    weights.save(run_folder / "weights.npz", config, arrays)
    with pytest.raises(bnstudy.UserError, match=r"weights\.npz holds another network: conv1/w has"):
        export(run_folder, form, tmp_path / f"out.{form}")
    assert not (tmp_path / f"out.{form}").exists()


def test_where_the_data_is_can_be_said(run_folder, tmp_path):
    make_old(run_folder, keep_standardization=False)
    config = bnstudy.load_log(run_folder).config
    other = config.model_copy(
        update={"data": config.data.model_copy(update={"name": "cifar10", "dir": "/moved"})}
    )
    (run_folder / "config.yaml").write_text(other.to_yaml())
    with pytest.raises(bnstudy.UserError, match="/moved does not exist"):
        export(run_folder, "npz")
    with pytest.raises(bnstudy.UserError, match="here does not exist"):
        export(run_folder, "npz", data=tmp_path / "here")
