"""Single convolutions: that all of a training step are timed, and are those convolutions."""

import os
import subprocess
import sys

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


COUNT = """
from helpers import config
from bnstudy.bench import convolutions
calls = convolutions._tensorflow_calls(config(training__batch_size=2))
calls["conv2 dw"]()
print("counted from here", flush=True)
calls["conv2 dw"]()
"""


@pytest.mark.thorough
def test_tensorflow_leaves_none_of_the_repetitions_out():
    """The library itself says what it computes."""
    variables = {**os.environ, "ONEDNN_VERBOSE": "1", "TF_ENABLE_ONEDNN_OPTS": "1"}
    variables["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", COUNT]
    said = subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout
    if "onednn_verbose" not in said:
        pytest.skip("TensorFlow's convolutions are not oneDNN's here")
    kinds = [line.split(",")[5:8] for line in said.partition("counted")[2].splitlines()]
    assert sum("convolution" in kind for kind in kinds) == convolutions.REPEATS
