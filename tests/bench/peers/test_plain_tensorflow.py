"""TensorFlow's own batch norm as a peer."""

import pytest
import tensorflow as tf
from helpers import config

from bnstudy.bench.peers.plain_tensorflow import PlainTensorFlow
from bnstudy.data.dataset import load_dataset
from bnstudy.runner.steps import make_sums
from bnstudy.runner.training import Training


def test_it_trains_the_network_of_case_b():
    """The same weights give the same costs, wherever case b takes them: it is a fair peer."""
    case_b = config("b", data__train_limit=100, data__test_limit=10)
    peer, ours = PlainTensorFlow(case_b), Training(case_b, load_dataset(case_b.data))
    rate = tf.constant(0.01, tf.float64)
    for step, (images, labels) in enumerate(ours.batches.epoch(0)):
        for name, w in ours.model.parameters.items():
            peer.parameters[name].assign(w)
        sums = ours.train_step(images, labels, rate, step, make_sums())
        cost = float(sums.cost) / len(labels)
        assert float(peer.step(images, labels)) == pytest.approx(cost, rel=1e-5)
