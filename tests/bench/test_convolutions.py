"""Single convolutions: that all of a training step are timed, and are those convolutions."""

import numpy as np
import pytest
from helpers import config

from bnstudy.bench import convolutions

FRAMEWORKS = ["of_tensorflow", pytest.param("of_pytorch", marks=pytest.mark.thorough)]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_convolution_of_a_step_is_timed(framework):
    if framework == "of_pytorch":
        pytest.importorskip("torch")
    benchmark = getattr(convolutions, framework)(config(training__batch_size=2))
    times = benchmark.round()
    assert len(times) == 3 * 9 - 1
    assert "conv1 dx" not in times
    assert all(len(values) == convolutions.MEASUREMENTS for values in times.values())
    assert min(map(min, times.values())) > 0


def test_the_numbers_of_both_frameworks_are_equal(monkeypatch):
    """With ones everywhere, the first output is a count of the summands."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(
        convolutions.tf.random, "stateless_normal", lambda shape, seed: np.ones(shape)
    )
    monkeypatch.setattr(torch, "randn", torch.ones)
    small = config(training__batch_size=2)
    ours = {name: call() for name, call in convolutions._tensorflow_calls(small).items()}
    theirs = {name: call() for name, call in convolutions._pytorch_calls(small).items()}
    assert ours == theirs
    assert ours["conv1 forward"] == 2 * 2 * 3  # a corner of the image, three channels
    assert ours["conv1 dw"] == 2 * 31 * 31  # the pixels of two images that have a neighbour
