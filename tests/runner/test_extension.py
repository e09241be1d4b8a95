"""More epochs for a run that has finished, or not: as if all had been asked for from the start."""

import filecmp
import shutil

import pytest
from kill_and_resume import SMALL, differences

import bnstudy
from bnstudy.run_folder import files, weights
from bnstudy.runner import loop


def config(epochs):
    overrides = {**SMALL, "training.gradients": "manual", "training.epochs": epochs}
    return bnstudy.load_config("c", ["quick"], overrides=overrides)


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory):
    """Return the folder of a finished run of one epoch."""
    folder = tmp_path_factory.mktemp("one_epoch") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "plot_run", lambda folder: [])
        bnstudy.run(config(1), folder)
    return folder


@pytest.fixture
def folder(one_epoch, tmp_path):
    """Return a copy of it."""
    return shutil.copytree(one_epoch, tmp_path / "run")


def test_a_finished_run_is_extended_bit_for_bit(folder, undisturbed, monkeypatch):
    """Even if it is killed between the changes of the two files."""
    first = bnstudy.run(config(1), folder)
    assert first["epochs"] == 1
    left = [folder / name for name in ("evaluation.png", "training_images.json")]
    for path in left:
        path.write_bytes(b"of one epoch")

    write = files.write_text_atomic

    def killed(path, text):
        if path.name == "config.yaml":
            raise KeyboardInterrupt
        write(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_text_atomic", killed)
        with pytest.raises(KeyboardInterrupt):
            bnstudy.run(config(3), folder)
    assert bnstudy.load_log(folder).config == config(1)
    assert bnstudy.load_log(folder).result is None
    assert not (folder / "weights.npz").exists()  # they were of one epoch
    assert not any(path.exists() for path in left)
    again = bnstudy.run(config(1), folder)  # nothing is trained, and it has finished again
    assert again == first

    bnstudy.run(config(3), folder)
    assert bnstudy.load_log(folder).config == config(3)
    assert bnstudy.load_log(folder).result["epochs"] == 3
    assert differences(folder, undisturbed) == []
    assert filecmp.cmp(folder / "weights.npz", undisturbed / "weights.npz", shallow=False)


def test_an_unfinished_run_is_extended_too(unfinished, monkeypatch):
    epochs = []
    monkeypatch.setattr(
        loop, "_train", lambda training, *_: epochs.append(training.config.training.epochs)
    )
    bnstudy.run(config(5), unfinished)
    assert epochs == [5]
    assert bnstudy.load_log(unfinished).config == config(5)


def test_fewer_epochs_are_refused(undisturbed):
    with pytest.raises(bnstudy.UserError, match=r"training\.epochs: 2 here, 3 there"):
        bnstudy.run(config(2), undisturbed)


def test_more_epochs_and_another_key_are_refused_for_the_key(undisturbed):
    other = bnstudy.load_config(file=undisturbed / "config.yaml", overrides={"seed": 9})
    more = bnstudy.load_config("c", overrides={**other.flat(), "case": "c", "training.epochs": 4})
    with pytest.raises(bnstudy.UserError, match=r"\(seed: 9 here, 0 there\)"):
        bnstudy.run(more, undisturbed)


def test_a_finished_run_without_checkpoints_is_refused_and_stays_finished(undisturbed, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder, ignore=shutil.ignore_patterns("checkpoints"))
    with pytest.raises(bnstudy.UserError, match=r"has no checkpoints to extend the run from"):
        bnstudy.run(config(4), folder)
    assert bnstudy.run(config(3), folder) == bnstudy.load_log(undisturbed).result


def test_a_refused_extension_leaves_the_finished_run_as_it_was(folder):
    first = bnstudy.run(config(1), folder)
    for path in (folder / "checkpoints").iterdir():
        path.write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="corrupt"), pytest.raises(bnstudy.UserError):
        bnstudy.run(config(2), folder)
    assert bnstudy.load_log(folder).result == first
    assert bnstudy.load_log(folder).config == config(1)
    assert bnstudy.run(config(1), folder) == first
    assert weights.load(folder).source.name == "weights.npz"


@pytest.mark.thorough
def test_epochs_that_were_edited_in_the_folder_do_not_make_a_short_run_finished(folder):
    files.write_text_atomic(folder / "config.yaml", config(2).to_yaml())
    assert bnstudy.run(config(2), folder)["epochs"] == 2
    assert len(bnstudy.load_log(folder).metrics["epoch"]) == 2
    files.write_text_atomic(folder / "config.yaml", config(1).to_yaml())
    with pytest.raises(bnstudy.UserError, match="has 2 epochs already"):
        bnstudy.run(config(1), folder)


def test_a_result_that_disagrees_with_the_log_is_damage(undisturbed, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    metrics = (folder / "metrics.csv").read_text().splitlines()
    (folder / "metrics.csv").write_text("\n".join(metrics[:2]) + "\n")
    with pytest.raises(bnstudy.UserError, match=r"result\.json has 3 epochs and metrics\.csv 1"):
        bnstudy.run(config(3), folder)
