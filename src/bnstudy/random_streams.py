"""Random numbers as functions of a seed, a purpose and an index, not of earlier draws."""

import numpy as np

SHUFFLE, WEIGHTS, CORRUPTION = 0, 1, 2  # the purposes


def random_stream(seed: int, purpose: int, index: int) -> np.random.Philox:
    """Return a counter-based generator (Philox) for one purpose.

    Args:
        seed: of the run.
        purpose: one of the above, so that two purposes never share numbers.
        index: the epoch, or the number of a layer.

    Returns:
        A generator at the start of its stream. Use `random_raw`, which NumPy promises never to
        change, not the methods of `Generator`, which may change.

    """
    return np.random.Philox(key=[seed, purpose], counter=[0, 0, 0, index])
