"""Fixtures of several tests: XLA where a test asks for it, a configuration file, a run folder."""

import os
from pathlib import Path

import numpy as np
import pytest

from bnstudy.config.load import load_config
from bnstudy.run_folder.files import write_text_atomic
from bnstudy.run_folder.log import EpochMetrics, write_metrics

# XLA takes seconds a network. Set at import: processes inherit it, and session fixtures need it.
os.environ["BNSTUDY_XLA"] = "0"
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as runs do, whoever imports TensorFlow first


@pytest.fixture(autouse=True)
def xla_only_where_marked(request, monkeypatch):
    """Compile with XLA in tests marked `compiled`, and in the processes that they start."""
    if request.node.get_closest_marker("compiled"):
        from bnstudy.backend import xla  # here: a process that only hands out tests needs none

        monkeypatch.setattr(xla, "enabled", True)
        monkeypatch.setenv("BNSTUDY_XLA", "1")


@pytest.fixture
def write_config(tmp_path, monkeypatch):
    """Write a file into an empty working folder; its name alone then leads to it."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="my.yaml"):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def make_run(tmp_path):
    """Write a run folder with random metrics and return it."""

    def make(name, epochs=None, change=None, **arguments):
        config = load_config(**arguments)
        folder = tmp_path / name
        folder.mkdir(parents=True)
        random = np.random.default_rng(sum(map(ord, str(name))))
        rows = [
            EpochMetrics(
                epoch=epoch,
                learning_rate=3e-4,
                images=100_000 * epoch,
                train_cost=1.5 / epoch + 0.1 * random.random(),
                train_accuracy=1 - 0.5 / epoch - 0.1 * random.random(),
                test_cost=1.0 / epoch + 0.1 * random.random(),
                test_accuracy=1 - 0.6 / epoch - 0.1 * random.random(),
                train_seconds=10.0,
                test_seconds=1.0,
            )._replace(**(change or {}))
            for epoch in range(1, (epochs or config.training.epochs) + 1)
        ]
        write_text_atomic(folder / "config.yaml", config.to_yaml())
        write_metrics(folder, rows)
        return folder

    return make
