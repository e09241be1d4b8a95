"""The same network as others train it, one file per framework, for `bnstudy bench --peers`.

Each trains case b: the framework's own batch norm, automatic differentiation, Adam.
"""

from typing import NamedTuple


class Peer(NamedTuple):
    """A row of the registry."""

    package: str  # that must be installed
    place: str  # a class with `round`, made from a configuration


PEERS = {
    "plain TensorFlow": Peer("tensorflow", "bnstudy.bench.peers.plain_tensorflow:PlainTensorFlow"),
    "Keras fit": Peer("keras", "bnstudy.bench.peers.keras_fit:KerasFit"),
    "PyTorch eager": Peer("torch", "bnstudy.bench.peers.pytorch:PyTorch"),
    "JAX": Peer("jax", "bnstudy.bench.peers.jax:Jax"),
}
