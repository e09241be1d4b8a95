"""Several processes that train one run: how they meet, and add up numbers over all of them."""

import contextlib
import functools
import signal
import sys
import threading
from collections.abc import Iterator

import tensorflow as tf

from bnstudy.backend.tf_config import place
from bnstudy.errors import UserError, one_line
from bnstudy.output import echo


@functools.cache
def strategy() -> tf.distribute.Strategy:
    """Meet the other workers, and wait for them; return what adds up their sums.

    TensorFlow wants this to be the first thing that happens in the process.

    Raises:
        UserError: TensorFlow has started already, or the workers cannot meet.

    """
    number, workers = place()
    echo(f"worker {number} of TF_CONFIG waits until all {workers} have started", sys.stderr)
    try:
        with _ctrl_c_ends_us():
            return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise UserError(
            "TF_CONFIG is in the environment, but TensorFlow has already started in this process; "
            "start a new process for this run"
        ) from error
    except tf.errors.OpError as error:
        raise UserError(
            f"TF_CONFIG in the environment: the workers cannot meet ({one_line(error.message)}); "
            "its addresses must be those of the workers, with ports that nobody uses"
        ) from error


@contextlib.contextmanager
def _ctrl_c_ends_us() -> Iterator[None]:
    """Let Ctrl-C end the process at once: Python does not look at it while TensorFlow waits.

    Nothing can be lost, because nothing has begun. SIGTERM is TensorFlow's own at that time.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


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
