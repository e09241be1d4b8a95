"""Fixtures of the tests of data: a small CIFAR-10, a home without caches, a data set in memory."""

import numpy as np
import pytest
from cifar10_helpers import N

from bnstudy.data.dataset import Dataset
from bnstudy.data.packagings import common


@pytest.fixture(autouse=True, scope="module")
def small_files():
    """Let CIFAR-10 have 20 images a file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(common, "IMAGES_PER_FILE", N)
        patch.delenv("BNSTUDY_DATA", raising=False)
        yield


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home, without any cache."""
    for name in ("XDG_CACHE_HOME", "KERAS_HOME", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def dataset():
    """33 images of noise, in which each channel has another brightness."""
    rng = np.random.default_rng(0)
    brightness = rng.integers(40, 200, (1, 1, 1, 3))
    images = (brightness + rng.integers(-40, 56, (33, 32, 32, 3))).astype(np.uint8)
    labels = np.arange(33) % 10
    return Dataset(images[:23], labels[:23], images[23:], labels[23:])
