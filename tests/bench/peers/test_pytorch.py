"""PyTorch as a peer, where it is installed."""

import pytest
from helpers import config

pytest.importorskip("torch")


def test_it_times_each_step_of_case_b():
    from bnstudy.bench.peers.pytorch import PyTorch

    case_b = config("b", data__train_limit=100, data__test_limit=10)  # four batches
    (times,) = PyTorch(case_b).round().values()
    assert len(times) == 1  # the first three of four steps are for warming up
    assert times[0] > 0
