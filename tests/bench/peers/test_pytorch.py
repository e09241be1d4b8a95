"""PyTorch as a peer, where it is installed."""

import pickle

import pytest
from helpers import config

from bnstudy.bench.peers import PEERS

pytest.importorskip("torch")


@pytest.mark.parametrize("name", [name for name in PEERS if PEERS[name].package == "torch"])
def test_it_times_each_step_of_case_b(name):
    from bnstudy.config.registry import find

    if lacking := PEERS[name].lacks():
        pytest.skip(lacking)
    case_b = config("b", data__train_limit=100, data__test_limit=10)  # four batches
    (times,) = find(PEERS[name].place)(case_b).round().values()
    assert len(times) == 1  # the first three of four steps are for warming up
    assert times[0] > 0


def test_images_can_be_sent_to_the_processes_of_a_loader_and_are_cropped_and_flipped():
    import numpy as np

    from bnstudy.bench.peers.pytorch_images import Images

    random = np.random.default_rng(0)
    pixels = random.integers(256, size=(4, 32, 32, 3), dtype=np.uint8)
    plain = Images(pixels, np.arange(4), False, 10)
    again = pickle.loads(pickle.dumps(plain))
    assert len(again) == 10
    x, label = again[6]  # the third, again
    assert label == 2
    expected = (pixels[2].transpose(2, 0, 1) - pixels.mean()) / pixels.std(ddof=1)
    np.testing.assert_allclose(x.numpy(), expected, rtol=1e-4, atol=1e-4)
    copies = Images(pixels, np.arange(4), True, 10)
    seen = [copies[2][0].numpy() for _ in range(20)]
    assert all(copy.shape == (3, 32, 32) for copy in seen)
    assert len({copy.tobytes() for copy in seen}) > 15
