"""A run on several devices is the run on one, up to rounding."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from replica_helpers import in_lockstep

import bnstudy
from bnstudy.model import synchronized
from bnstudy.model.gradients import GRADIENTS
from bnstudy.runner import replicas

TESTS = Path(__file__).parents[1]
STEPS = [
    "case c",
    "case c on four devices",
    "case c, automatic gradients",
    "case c, per activation",
    "case c, gradients as posted",
    "case c, compiled",
    "case b",
    "case b, gradients by hand",
    "case a",
]


@pytest.fixture(scope="module")
def measured():
    """What several_devices.py finds in two minutes, in a process whose CPU is four devices."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, str(TESTS / "several_devices.py")]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout)


def shared_step(monkeypatch, config, parts):
    """Take one step with replicas that are threads; return them and their results."""
    meeting = threading.local()

    def all_reduce(*sums):
        return meeting.reduce(*sums)

    for module in (replicas, synchronized):
        monkeypatch.setattr(module, "all_reduce", all_reduce)
    made = replicas.make_replicas(config, tf.float64, tf.float64, ["CPU:0"] * len(parts))
    rate = tf.constant(0.1, tf.float64)

    def replica(own, images, labels, reduce):
        meeting.reduce = reduce
        return replicas._step(own, config, images, labels, rate, (0, 0))

    given = [(own, *part) for own, part in zip(made, parts, strict=True)]
    return made, in_lockstep(replica, given)[0]


@pytest.mark.parametrize(
    ("case", "gradients"),  # automatic ones do not pass through the sums of threads
    [("a", "manual"), ("a", "autodiff"), ("a", "as_posted"), ("c", "manual"), ("c", "as_posted")],
)
def test_unequal_parts_have_their_weights_in_the_cost_and_the_gradients(
    monkeypatch, case, gradients
):
    """By gradient descent, whose step shows the size of a gradient, unlike Adam's."""
    changes = {"optimizer.name": "sgd", "model.width": 0.05, "training.gradients": gradients}
    changes |= {"bn.synchronized": True, "training.devices": 3}
    config = bnstudy.load_config(case, ["quick"], overrides=changes)
    random = np.random.default_rng(0)
    images = tf.constant(random.standard_normal((6, 32, 32, 3)) + 1)
    labels = tf.constant(random.integers(10, size=6))
    sizes = [3, 2, 1]
    parts = list(zip(tf.split(images, sizes), tf.split(labels, sizes), strict=True))
    made, results = shared_step(monkeypatch, config, parts)

    one = bnstudy.load_config(case, ["quick"], overrides={**changes, "training.devices": 1})
    (right,) = replicas.make_replicas(one, tf.float64, tf.float64, ["CPU:0"])
    cost, logits, derivatives = GRADIENTS[gradients](right.model, images, labels)
    right.optimizer.apply(derivatives, tf.constant(0.1, tf.float64))
    for own, (total, correct) in zip(made, results, strict=True):
        np.testing.assert_allclose(total, 6 * cost, rtol=1e-13)  # (57)
        assert correct == np.sum(np.argmax(logits, 1) == labels)
        for name, expected in right.variables.items():
            np.testing.assert_allclose(own.variables[name], expected, rtol=1e-9, atol=1e-11)


@pytest.mark.thorough
@pytest.mark.parametrize("name", STEPS)
def test_steps_that_devices_share_are_those_of_one(measured, name):
    """In float64: three steps, of which the last leaves a device, or three, without an image."""
    found = measured["steps"][name]
    assert found["variables"] < 1e-11  # weights, moving averages, AMSGrad's maximum
    assert found["statistics"] < 1e-13
    assert found["cost"] < 1e-14  # divided by the whole batch
    assert found["correct"] == 0
    assert found["replicas are equal"]


@pytest.mark.thorough
def test_statistics_of_each_device_are_those_of_ghost_batches(measured):
    found = measured["ghosts"]
    assert found["variables"] < 1e-11
    assert found["statistics"] < 1e-13
    assert found["cost"] < 1e-14
    assert found["replicas are equal"]


@pytest.mark.thorough
@pytest.mark.parametrize("devices", ["1", "2", "4"])
def test_a_checkpoint_of_two_devices_is_continued_by_any_number(measured, devices):
    """In float32, by as many to the bit, by others up to rounding."""
    found = measured["runs"][devices]
    assert found["bits"] == (devices == "2")
    assert found["variables"] < 1e-4
    assert found["cost"] < 1e-6
    assert found["replicas are equal"]
    assert measured["runs"]["moved"] > 0


@pytest.mark.thorough
def test_bfloat16_trains_on_two_devices(measured):
    found = measured["bfloat16"]
    assert found["replicas are equal"]
    assert 1.5 < found["cost"] < 3.5


@pytest.mark.thorough
def test_a_device_without_statistics_of_its_own_is_refused(measured):
    said = measured["refusals"]["a last batch"]
    assert said.startswith("training.batch_size 8 leaves a last batch of 2 images, and with ")
    assert "bn.synchronized false each of training.devices 2 needs 2" in said


@pytest.mark.thorough
def test_more_devices_than_tensorflow_has_started_with_are_refused(measured):
    assert measured["refusals"]["more devices"] == (
        "training.devices is 5, but TensorFlow has already started with 4 in this process; start a "
        "new process for this run"
    )
