"""Random numbers as functions: of the seed, the purpose and an index, never of what came before."""

import numpy as np

SHUFFLE, WEIGHTS = 0, 1  # the purposes


def random_stream(seed: int, purpose: int, index: int) -> np.random.Philox:
    """Return a counter-based generator (Philox) for one purpose.

    Args:
        seed: of the run.
        purpose: one of the above, so that two purposes never share numbers.
        index: the epoch, or the number of a layer.

    """
    return np.random.Philox(key=[seed, purpose], counter=[0, 0, 0, index])
