"""Devices: how many there are, sums over them, and settings of TensorFlow's kernels."""

import functools
import os

import tensorflow as tf

from bnstudy.backend import cluster, tf_config
from bnstudy.errors import UserError


def prepare() -> None:
    """Use deterministic kernels on GPUs (CPU kernels already are), and no TF32 for float32.

    TF32 rounds the factors of float32 products to 11 significant bits; newer NVIDIA GPUs use it
    unless told otherwise. BNSTUDY_TF32=1 in the environment allows it.
    """
    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()
        tf.config.experimental.enable_tensor_float_32_execution(
            os.environ.get("BNSTUDY_TF32") == "1"
        )


def choose(wanted: int | str) -> list[str]:
    """Return the names of this process's devices: GPUs, or parts of the CPU where there is none.

    Args:
        wanted: `training.devices`: a number, of all workers together, or "auto": all GPUs, or the
            whole CPU.

    Raises:
        UserError: there are fewer.

    """
    if wanted != 1 and tf_config.place().workers > 1:
        return _of_this_worker(wanted)
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    if kind == "CPU" and wanted not in (1, "auto"):
        _divide_cpu(int(wanted))
    names = [f"{kind}:{number}" for number in range(len(tf.config.list_logical_devices(kind)))]
    count = (len(names) if kind == "GPU" else 1) if wanted == "auto" else int(wanted)
    if count > len(names):
        raise UserError(
            f"training.devices is {wanted}, but this machine has {len(names)} "
            f"GPU{'s' if len(names) > 1 else ''}; choose fewer, or auto"
        )
    return names[:count]


def _of_this_worker(wanted: int | str) -> list[str]:
    """Return the names of the devices of one of several workers: its GPUs, or its CPU."""
    names, workers = list(cluster.strategy().extended.worker_devices), tf_config.place().workers
    total = workers * len(names)
    if wanted not in ("auto", total):
        of_one = "1 device" if len(names) == 1 else f"{len(names)} devices"
        raise UserError(
            f"training.devices is {wanted}, but {workers} workers with {of_one} each have {total}; "
            f"choose {total}, or auto"
        )
    return names


def _divide_cpu(parts: int) -> None:
    """Divide the CPU into this many devices, which share its cores.

    Raises:
        UserError: TensorFlow has started in this process, with fewer.

    """
    (cpu,) = tf.config.list_physical_devices("CPU")
    try:
        part = tf.config.LogicalDeviceConfiguration()
        tf.config.set_logical_device_configuration(cpu, [part] * parts)
    except RuntimeError:  # it has started
        now = len(tf.config.list_logical_devices("CPU"))
        if now < parts:
            raise UserError(
                f"training.devices is {parts}, but TensorFlow has already started with {now} in "
                "this process; start a new process for this run"
            ) from None


@functools.cache
def strategy(*names: str) -> tf.distribute.Strategy:
    """Return what runs a step on several devices and adds up their sums.

    On parts of the CPU, one adds for all, in their order. (TensorFlow's collective operations, its
    default, would allow one number of devices in a process.) On GPUs, NCCL does it. Workers send
    their sums to each other.
    """
    if tf_config.place().workers > 1:
        return cluster.strategy()
    on_cpu = all(name.startswith("CPU") for name in names)
    addition = tf.distribute.ReductionToOneDevice() if on_cpu else None
    return tf.distribute.MirroredStrategy(list(names), cross_device_ops=addition)


def part_of(batch: tf.Tensor, number: int, count: int, copies: int) -> tf.Tensor:
    """Return the part of a batch that one of `count` replicas has; a copy stays with its original.

    Args:
        batch: [copies n, ...]: n originals, then their copies in the same order.
        number: of the replica, from 0; it has the originals `number`, `number + count`, ...
        count: of the replicas.
        copies: 1, or 2 with augmentation.

    """
    halves = tf.split(batch, copies) if copies > 1 else [batch]
    return tf.concat([half[number::count] for half in halves], axis=0)  # (56)


def are_several() -> bool:
    """Return whether what is computed here is one replica of several."""
    replica = tf.distribute.get_replica_context()
    return replica is not None and replica.num_replicas_in_sync > 1


def all_reduce(*sums: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Add up sums over all replicas of a step, where there are several; each gets the totals.

    Its derivative is itself: each replica's cost depends on the sums of all.

    Args:
        sums: of this replica, all of one dtype.

    """
    replica = tf.distribute.get_replica_context()
    return tuple(replica.all_reduce(tf.distribute.ReduceOp.SUM, list(sums)))
