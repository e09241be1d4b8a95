"""PyTorch as a peer, where it is installed."""

from pkgutil import resolve_name

import pytest
from helpers import config

from bnstudy.bench.peers import PEERS

pytest.importorskip("torch")


@pytest.mark.parametrize("name", [name for name in PEERS if PEERS[name].package == "torch"])
def test_it_times_each_step_of_case_b(name):

    if lacking := PEERS[name].lacks():
        pytest.skip(lacking)
    case_b = config("b", data__train_limit=100, data__test_limit=10)  # four batches
    (times,) = resolve_name(PEERS[name].place)(case_b).round().values()
    assert len(times) == 1  # the first three of four steps are for warming up
    assert times[0] > 0
