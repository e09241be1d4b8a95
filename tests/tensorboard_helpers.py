"""Read with TensorBoard's own code what was written for it."""

import pytest


def read(folder):
    """Return, by tag, the (step, value) of all events below a folder, in their order."""
    pytest.importorskip("tensorboard", reason="the extra is not installed")
    from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    accumulator = EventAccumulator(str(folder), {TENSORS: 0}).Reload()  # 0: all of them
    return {
        tag: [(event.step, make_ndarray(event.tensor_proto)) for event in accumulator.Tensors(tag)]
        for tag in accumulator.Tags()["tensors"]
    }
