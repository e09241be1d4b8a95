"""The same network in other frameworks, one file each: `bnstudy bench --peers`.

Each trains case b: the framework's own batch norm, automatic differentiation, Adam. May import
what `bench` may, and that framework.
"""

import importlib.util
import os
import shutil
from typing import NamedTuple


class Peer(NamedTuple):
    """Another framework's training step."""

    package: str  # must be installed; its name for pip, too
    place: str  # of what is called with a configuration and returns a measure.Benchmark
    compiles: bool = False  # with the system's C++ compiler

    def lacks(self) -> str | None:
        """Return what it needs and is not there, in words, and how to get it."""
        if importlib.util.find_spec(self.package) is None:
            return f"not installed (pip install {self.package})"
        if self.compiles and shutil.which(os.environ.get("CXX", "g++")) is None:
            return "no C++ compiler (g++, or the one that CXX names)"
        return None


PEERS = {
    "plain TensorFlow": Peer("tensorflow", "bnstudy.bench.peers.plain_tensorflow:PlainTensorFlow"),
    "Keras fit": Peer("keras", "bnstudy.bench.peers.keras_fit:KerasFit"),
    "PyTorch eager": Peer("torch", "bnstudy.bench.peers.pytorch:PyTorch"),
    "PyTorch with its DataLoader": Peer(
        "torch", "bnstudy.bench.peers.pytorch:PyTorchWithDataLoader"
    ),
    "PyTorch compiled": Peer("torch", "bnstudy.bench.peers.pytorch:compiled", compiles=True),
    "JAX": Peer("jax", "bnstudy.bench.peers.jax:Jax"),
}
CONVOLUTIONS = {  # each alone: `bnstudy bench --convolutions`
    "TensorFlow": Peer("tensorflow", "bnstudy.bench.convolutions:of_tensorflow"),
    "PyTorch": Peer("torch", "bnstudy.bench.convolutions:of_pytorch"),
}
