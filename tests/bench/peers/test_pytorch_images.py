"""Images for PyTorch's DataLoader, where PyTorch is installed."""

import pickle

import numpy as np
import pytest

pytest.importorskip("torch")


def test_images_can_be_sent_to_the_processes_of_a_loader_and_are_cropped_and_flipped():
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
