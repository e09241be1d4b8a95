"""More epochs for a run that has finished, or not: as if all had been asked for from the start."""

import shutil

import pytest
from kill_and_resume import SMALL, differences

import bnstudy
from bnstudy.run_folder import files


def config(epochs):
    overrides = {**SMALL, "training.gradients": "manual", "training.epochs": epochs}
    return bnstudy.load_config("c", ["quick"], overrides=overrides)


def test_a_finished_run_is_extended_bit_for_bit(undisturbed, tmp_path, monkeypatch):
    """Even if it is killed between the changes of the two files."""
    folder = tmp_path / "run"
    first = bnstudy.run(config(1), folder)
    assert first["epochs"] == 1

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
    again = bnstudy.run(config(1), folder)  # nothing is trained, and it has finished again
    assert again == first

    bnstudy.run(config(3), folder)
    assert bnstudy.load_log(folder).config == config(3)
    assert bnstudy.load_log(folder).result["epochs"] == 3
    assert differences(folder, undisturbed) == []


def test_an_unfinished_run_is_extended_too(unfinished, monkeypatch):
    from bnstudy.runner import loop

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
