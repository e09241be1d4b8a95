"""The registry: it agrees with the code, and a new entry of each kind works from YAML to a run."""

import os
import subprocess
import sys
from pkgutil import resolve_name

import pytest

from bnstudy.config.registry import BATCH_NORMS, DATASETS, OPTIMIZERS
from bnstudy.manual import adam, amsgrad


def test_every_place_exists():
    for name in (*filter(None, BATCH_NORMS.values()), *DATASETS.values()):
        assert callable(resolve_name(name))
    for entry in OPTIMIZERS.values():
        assert callable(resolve_name(entry.module).init)
        assert callable(resolve_name(entry.module).update)


@pytest.mark.parametrize(("name", "module"), [("adam", adam), ("amsgrad", amsgrad)])
def test_the_variants_are_those_of_the_mathematics(name, module):
    assert OPTIMIZERS[name].variants == module.VARIANTS


def test_every_optimizer_has_a_variant_of_the_default_configuration():
    assert all("paper" in entry.variants for entry in OPTIMIZERS.values())


MADE_UP = """
import numpy as np
from bnstudy.manual import sgd
from bnstudy.model.batch_norm import BatchNorm

used = set()


def load(config):
    used.add("data set")
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    return images[:20], np.arange(20) % 10, images[20:], np.arange(20) % 10


class Norm(BatchNorm):
    def __init__(self, *args, **kwargs):
        used.add("batch norm")
        super().__init__(*args, **kwargs)


init = sgd.init


def update(w, dw, state, learning_rate, push):
    used.add("optimizer")
    return sgd.update(w, dw, state, learning_rate, push)
"""

RUN = """
import sys
from bnstudy.config import registry

registry.DATASETS["noise"] = "made_up:load"
registry.BATCH_NORMS["ours"] = "made_up:Norm"
registry.OPTIMIZERS["pushed"] = registry.OptimizerEntry("made_up", ("mine",), {"push": "beta_1"})

import bnstudy
from bnstudy.backend import xla

xla.enabled = False
overrides = {
    "data.name": "noise", "model.batch_norm": "ours", "model.width": 0.02,
    "optimizer.name": "pushed", "optimizer.variant": "mine", "training.epochs": 1,
}
result = bnstudy.run(bnstudy.load_config("c", overrides=overrides), sys.argv[1])
import made_up
print(sorted(made_up.used), result["epochs"])
"""


@pytest.mark.thorough
def test_a_new_entry_of_each_kind_works_from_the_configuration_to_a_run(tmp_path):
    """In a process of its own: the schema reads the registry when it is imported."""
    (tmp_path / "made_up.py").write_text(MADE_UP)
    path = os.pathsep.join([str(tmp_path), *sys.path])
    ended = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path / "run")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "['batch norm', 'data set', 'optimizer'] 1"
