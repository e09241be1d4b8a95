"""Start TensorFlow with our settings, without what its C++ parts print, and not after a fork."""

import os
import sys
import tempfile
from typing import BinaryIO

from bnstudy.errors import UserError, one_line

_forked_with_tensorflow = False


def watch_for_forks() -> None:
    """Detect a fork of a process that had loaded TensorFlow: its threads are missing."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_note_fork)


def _note_fork() -> None:
    global _forked_with_tensorflow
    _forked_with_tensorflow = "tensorflow" in sys.modules


def import_tensorflow(devices: int | str = 1) -> None:
    """Import TensorFlow and start its devices; what it prints is shown only if that fails.

    On x86, its convolutions and memory pool are those of oneDNN, which TensorFlow by itself uses
    on newer processors only. Without the pool, every large tensor is new memory from the system.
    On a GPU, it takes memory as it needs it, so that several processes can share one.

    Args:
        devices: `training.devices`; the CPU can be divided only before the devices start.

    Raises:
        UserError: it cannot be loaded, there are fewer devices, or this process is a fork of one
            that had loaded it.

    """
    if _forked_with_tensorflow:  # it would wait for threads that do not exist here
        raise UserError(
            "TensorFlow does not survive a fork: start the process with "
            'multiprocessing.get_context("spawn"), or import TensorFlow only in the child'
        )
    if "tensorflow" in sys.modules:  # with the settings of whoever imported it
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    sys.stderr.flush()
    terminal = os.dup(2)
    with _scratch() as held:
        os.dup2(held.fileno(), 2)
        try:
            import tensorflow as tf

            from bnstudy.backend.devices import choose

            choose(devices)  # of several workers, this waits for the others
            tf.zeros([])  # starts the devices
        except ImportError as error:
            raise UserError(
                f"TensorFlow cannot be loaded: {one_line(error)}; out of memory, or a damaged "
                "installation?"
            ) from error
        except UserError:
            raise
        except Exception:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def _scratch() -> BinaryIO:
    try:
        return tempfile.TemporaryFile()
    except OSError:  # every disk is full: let TensorFlow's lines go
        return open(os.devnull, "w+b")
