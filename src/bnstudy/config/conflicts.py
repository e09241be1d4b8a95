"""Keys that contradict each other."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from bnstudy.config.registry import OPTIMIZERS

if TYPE_CHECKING:
    from bnstudy.config.schema import Config


def check(config: "Config") -> None:
    """Refuse a configuration whose keys contradict each other.

    Args:
        config: whose values are allowed, each by itself.

    Raises:
        PydanticCustomError: as `conflict`.

    """
    name, variants = config.optimizer.name, OPTIMIZERS[config.optimizer.name].variants
    if config.optimizer.variant not in variants:
        right = f"must be {one_of(variants)} for {name}"
        raise conflict(right, "optimizer.variant", "optimizer.name")
    if config.data.augment and config.training.batch_size % 2:
        right = "must be even when data.augment is true (half images, half augmented copies)"
        raise conflict(right, "training.batch_size", "data.augment")
    for key, value in config.statistics_over_images().items():
        if config.training.batch_size == 1:  # one image has no variance over images
            right = f"must be at least 2 when {key} is {value}"
            raise conflict(right, "training.batch_size", key)
    _check_relatives(config)
    if config.training.devices != 1:
        _check_devices(config)


def _check_relatives(config: "Config") -> None:
    """Refuse what the framework's layer has not, and ghost batches that cannot be."""
    if config.model.batch_norm == "keras":
        for name in ("debias", "virtual_batch_size", "renorm", "noise"):
            if value := getattr(config.bn, name):
                off = "false" if value is True else "null"
                right = f"must be {off} when model.batch_norm is keras"
                raise conflict(right, f"bn.{name}", "model.batch_norm")
    size = config.ghost_batches()
    if size is None:
        return
    if config.bn.renorm:
        right = "must be null when bn.renorm is true"
        raise conflict(right, "bn.virtual_batch_size", "bn.renorm")
    if size == 1 and config.bn.axes == "activation":  # one image has no variance over images
        right = "must be at least 2 when bn.axes is activation"
        raise conflict(right, "bn.virtual_batch_size", "bn.axes")
    if config.training.batch_size % size:
        right = f"must be a multiple of bn.virtual_batch_size, {size}"
        raise conflict(right, "training.batch_size", "bn.virtual_batch_size")


def _check_devices(config: "Config") -> None:
    """Refuse what batch norm cannot do on several devices, and more devices than images."""
    devices = config.training.devices
    for name in ("virtual_batch_size", "renorm", "noise"):
        if value := getattr(config.bn, name):
            off = "false" if value is True else "null"
            right = f"must be {off} when training.devices is {devices}"
            raise conflict(right, f"bn.{name}", "training.devices")
    if isinstance(devices, str):  # auto: their number is known when the run starts
        return
    least = config.least_images_of_a_device() * devices
    if config.training.batch_size < least:
        right = f"must be at least {least} when training.devices is {devices}"
        raise conflict(right, "training.batch_size", "training.devices")


def conflict(right: str, *keys: str) -> PydanticCustomError:
    """Return the error of keys that contradict each other; the first is the one to change."""
    return PydanticCustomError("conflict", "{right}", {"right": right, "keys": keys})


def one_of(names: Iterable[str]) -> str:
    """Return the allowed names in words: "paper", "one of paper, keras"."""
    names = list(names)
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"
