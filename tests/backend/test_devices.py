"""Deterministic kernels, and float32 in full precision, on GPUs."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from bnstudy.backend import devices
from bnstudy.errors import UserError


@pytest.fixture
def calls(monkeypatch):
    """The calls that change TensorFlow's settings, in order, with their arguments."""
    made = []
    for name in ("enable_op_determinism", "enable_tensor_float_32_execution"):
        monkeypatch.setattr(
            tf.config.experimental, name, lambda *args, name=name: made.append((name, *args))
        )
    monkeypatch.delenv("BNSTUDY_TF32", raising=False)
    return made


def test_on_a_cpu_nothing_is_changed(monkeypatch, calls):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    devices.prepare()
    assert calls == []


@pytest.mark.parametrize(("variable", "allowed"), [(None, False), ("0", False), ("1", True)])
def test_on_a_gpu_kernels_are_deterministic_and_tf32_is_off_unless_asked_for(
    monkeypatch, calls, variable, allowed
):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    if variable is not None:
        monkeypatch.setenv("BNSTUDY_TF32", variable)
    devices.prepare()
    assert calls == [
        ("enable_op_determinism",),
        ("enable_tensor_float_32_execution", allowed),
    ]


@pytest.mark.parametrize(("wanted", "expected"), [(1, 1), (2, 2), ("auto", 3)])
def test_gpus_are_taken_where_there_are_any(monkeypatch, wanted, expected):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"] * 3)
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["a GPU"] * 3)
    assert devices.choose(wanted) == [f"GPU:{number}" for number in range(expected)]


def test_more_gpus_than_there_are_are_refused(monkeypatch):
    for name in ("list_physical_devices", "list_logical_devices"):
        monkeypatch.setattr(tf.config, name, lambda kind: ["a GPU"])
    with pytest.raises(UserError, match=r"^training.devices is 2, but this machine has 1 GPU; "):
        devices.choose(2)


def test_auto_is_the_whole_cpu_where_there_is_no_gpu():
    assert devices.choose("auto") == devices.choose(1) == ["CPU:0"]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["CPU:0"], "2 workers with 1 device each have 2; choose 2, or auto"),
        (["GPU:0", "GPU:1"], "2 workers with 2 devices each have 4; choose 4, or auto"),
    ],
)
def test_a_worker_takes_all_of_its_devices(monkeypatch, names, says):
    strategy = SimpleNamespace(extended=SimpleNamespace(worker_devices=names))
    monkeypatch.setattr(devices.cluster, "strategy", lambda: strategy)
    monkeypatch.setattr(devices.tf_config, "place", lambda: devices.tf_config.Place(0, 2))
    assert devices.choose("auto") == devices.choose(2 * len(names)) == names
    with pytest.raises(UserError, match=f"^training.devices is 3, but {says}$"):
        devices.choose(3)


def test_a_process_that_has_started_keeps_its_devices():
    tf.zeros([])
    said = r"^training.devices is 2, but TensorFlow has already started with 1 in this process; "
    with pytest.raises(UserError, match=said):
        devices.choose(2)


@pytest.mark.parametrize(("count", "copies"), [(2, 2), (4, 2), (3, 1), (7, 2)])
def test_every_image_is_in_one_part_and_its_copy_in_the_same(count, copies):
    originals = np.arange(5)
    batch = tf.constant(np.concatenate([originals + 10 * copy for copy in range(copies)]))
    parts = [devices.part_of(batch, number, count, copies).numpy() for number in range(count)]
    for part in parts:
        assert len(part) % copies == 0
        halves = np.reshape(part, [copies, -1])
        np.testing.assert_array_equal(halves % 10, np.broadcast_to(halves[0], halves.shape))
    assert sorted(np.concatenate(parts)) == sorted(batch.numpy())
    sizes = [len(part) // copies for part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_alone_a_sum_over_devices_is_the_sum_itself():
    assert not devices.are_several()
    x = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        total, other = devices.all_reduce(x * 3, x[0])
        cost = tf.reduce_sum(total) + other
    np.testing.assert_array_equal(total, [3, 6])
    np.testing.assert_array_equal(tape.gradient(cost, x), [4, 3])
