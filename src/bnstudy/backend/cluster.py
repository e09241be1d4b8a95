"""Several processes that train one run, on one machine or on more: TF_CONFIG says which is which.

Such a process is called a worker; the first one, the chief, alone writes to the run folder.
"""

import functools
import json
import os
from typing import NamedTuple

import tensorflow as tf

from bnstudy.errors import UserError

_FORM = '{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}'


class Place(NamedTuple):
    """Which of how many workers this process is."""

    number: int
    workers: int


@functools.cache
def place() -> Place:
    """Read TF_CONFIG.

    Raises:
        UserError: it is not of the form that TensorFlow documents, with workers alone.

    """
    text = os.environ.get("TF_CONFIG", "")
    if not text.strip():
        return Place(0, 1)
    try:
        said = json.loads(text)
        cluster, task = said["cluster"], said["task"]
        found = Place(int(task["index"]), len(cluster["worker"]))
        right = task["type"] == "worker" and set(cluster) == {"worker"}
    except (ValueError, KeyError, TypeError):
        found, right = Place(0, 0), False
    if not right or not 0 <= found.number < found.workers:
        raise UserError(f"TF_CONFIG in the environment must be of the form {_FORM}")
    return found


def check(devices: int | str) -> None:
    """Refuse a run whose devices cannot be divided among the workers.

    Args:
        devices: `training.devices`, of all workers together.

    Raises:
        UserError: they cannot, or TF_CONFIG is wrong.

    """
    workers = place().workers
    if isinstance(devices, int) and devices % workers:
        raise UserError(
            f"training.devices is {devices}, and TF_CONFIG in the environment names {workers} "
            f"workers; it must be a multiple of {workers}, or auto"
        )


@functools.cache
def strategy() -> tf.distribute.Strategy:
    """Meet the other workers, and wait for them; return what adds up their sums.

    TensorFlow wants this to be the first thing that happens in the process.

    Raises:
        UserError: TensorFlow has started already.

    """
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise UserError(
            "TF_CONFIG is in the environment, but TensorFlow has already started in this process; "
            "start a new process for this run"
        ) from error


def is_chief() -> bool:
    """Return whether this process writes the run folder."""
    return place().number == 0


def total(number: float) -> float:
    """Add up a number over all workers, which all must call this; wait for them."""
    return float(_add(tf.constant(number, tf.float64))) if place().workers > 1 else number


def _add_over_workers(number: tf.Tensor) -> tf.Tensor:
    def on_replica() -> tf.Tensor:
        replica = tf.distribute.get_replica_context()
        return replica.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(number))

    local = strategy().experimental_local_results(strategy().run(on_replica))
    return local[0] / len(local)


_add = tf.function(_add_over_workers, autograph=False)  # made once: its sums are numbered
