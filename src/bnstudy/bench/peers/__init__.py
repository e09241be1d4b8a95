"""The same network in other frameworks, one file each: `bnstudy bench --peers`.

Each trains case b: the framework's own batch norm, automatic differentiation, Adam. May import
what `bench` may, and that framework.
"""

from typing import NamedTuple


class Peer(NamedTuple):
    """Another framework's training step."""

    package: str  # must be installed
    place: str  # of a class, called with a configuration, that is a measure.Benchmark


PEERS = {
    "plain TensorFlow": Peer("tensorflow", "bnstudy.bench.peers.plain_tensorflow:PlainTensorFlow"),
    "Keras fit": Peer("keras", "bnstudy.bench.peers.keras_fit:KerasFit"),
    "PyTorch eager": Peer("torch", "bnstudy.bench.peers.pytorch:PyTorch"),
    "JAX": Peer("jax", "bnstudy.bench.peers.jax:Jax"),
}
