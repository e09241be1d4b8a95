"""Deterministic kernels, and float32 in full precision, on GPUs."""

import pytest
import tensorflow as tf

from bnstudy.backend import devices


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
