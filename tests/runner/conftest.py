"""An undisturbed run, to compare with and to copy; and no figures where none are tested."""

import shutil

import pytest
from kill_and_resume import small_config

import bnstudy

CONFIG = small_config("c", "float32", "manual")  # 7 steps an epoch, 3 epochs


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """Return the folder of a finished run of `small_config("c", "float32", "manual")`."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    bnstudy.run(CONFIG, folder)
    return folder


@pytest.fixture
def unfinished(undisturbed, tmp_path):
    """Return a copy of it that lacks only result.json: to finish it needs no training step."""
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    (folder / "result.json").unlink()
    return folder


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Draw no figures, which take a second a run; `undisturbed` has them."""
    from bnstudy.runner import loop

    monkeypatch.setattr(loop, "plot_run", lambda folder: [])
