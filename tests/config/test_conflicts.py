"""Keys that contradict each other; those of older keys are in test_schema.py."""

import pytest
from config_helpers import refusal

from bnstudy.config.load import load_config

DEVICES = "training.devices"


@pytest.mark.parametrize(
    ("name", "value", "off"),
    [("virtual_batch_size", 25, "null"), ("renorm", True, "false"), ("noise", True, "false")],
)
@pytest.mark.parametrize("devices", [2, "auto"])
def test_relatives_of_batch_norm_are_refused_on_several_devices(name, value, off, devices):
    message = refusal("c", overrides={f"bn.{name}": value, DEVICES: devices})
    assert message.startswith(f"bn.{name}: must be {off} when training.devices is {devices}, got ")


@pytest.mark.parametrize(
    ("changes", "least"),
    [
        ({}, 50),  # 25 images, each with a copy
        ({"data.augment": False}, 25),
        ({"data.augment": False, "bn.axes": "activation"}, 50),  # a variance needs two
        ({"data.augment": False, "bn.axes": "activation", "bn.synchronized": True}, 25),
    ],
)
def test_every_device_gets_an_image(changes, least):
    overrides = {**changes, DEVICES: 25, "training.batch_size": least}
    assert load_config("c", overrides=overrides).training.devices == 25
    overrides["training.batch_size"] = least - 2
    message = refusal("c", overrides=overrides)
    assert f"must be at least {least} when training.devices is 25, got {least - 2}" in message


def test_the_number_of_devices_matters_where_each_has_its_own_statistics():
    def may_change(case, synchronized):
        overrides = {"bn.synchronized": synchronized}
        return load_config(case, overrides=overrides).can_change_devices()

    assert [may_change("c", False), may_change("c", True)] == [False, True]
    assert [may_change("b", False), may_change("b", True)] == [False, True]
    assert may_change("a", False)
