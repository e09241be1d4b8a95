"""A run on several devices is the run on one, up to rounding."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough  # two minutes, in a process of its own
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
    """What several_devices.py finds, in a process whose CPU is four devices."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, str(TESTS / "several_devices.py")]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout)


@pytest.mark.parametrize("name", STEPS)
def test_steps_that_devices_share_are_those_of_one(measured, name):
    """In float64: three steps, of which the last leaves a device, or three, without an image."""
    found = measured["steps"][name]
    assert found["variables"] < 1e-11  # weights, moving averages, AMSGrad's maximum
    assert found["statistics"] < 1e-13
    assert found["cost"] < 1e-14  # divided by the whole batch
    assert found["correct"] == 0
    assert found["replicas are equal"]


def test_statistics_of_each_device_are_those_of_ghost_batches(measured):
    found = measured["ghosts"]
    assert found["variables"] < 1e-11
    assert found["statistics"] < 1e-13
    assert found["cost"] < 1e-14
    assert found["replicas are equal"]


@pytest.mark.parametrize("devices", ["1", "2", "4"])
def test_a_checkpoint_of_two_devices_is_continued_by_any_number(measured, devices):
    """In float32, by as many to the bit, by others up to rounding."""
    found = measured["runs"][devices]
    assert found["bits"] == (devices == "2")
    assert found["variables"] < 1e-4
    assert found["cost"] < 1e-6
    assert found["replicas are equal"]
    assert measured["runs"]["moved"] > 0


def test_bfloat16_trains_on_two_devices(measured):
    found = measured["bfloat16"]
    assert found["replicas are equal"]
    assert 1.5 < found["cost"] < 3.5


def test_a_device_without_statistics_of_its_own_is_refused(measured):
    said = measured["refusals"]["a last batch"]
    assert said.startswith("training.batch_size 8 leaves a last batch of 2 images, and with ")
    assert "bn.synchronized false each of training.devices 2 needs 2" in said


def test_more_devices_than_tensorflow_has_started_with_are_refused(measured):
    assert measured["refusals"]["more devices"] == (
        "training.devices is 5, but TensorFlow has already started with 4 in this process; start a "
        "new process for this run"
    )
