"""Compile parts of a graph with XLA, which merges many small operations into few passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


@tf.autograph.experimental.do_not_convert
def compiled(function: Callable[[], Any]) -> Any:
    """Call a function; inside a `tf.function`, have XLA compile all of it as one.

    What XLA is good for are operations bound by memory: it keeps what stands between them in
    registers. It is not good for convolutions, since it replaces TensorFlow's kernels.

    Args:
        function: without arguments; it may use and assign variables and use tensors from outside.

    Returns:
        What `function` returns: any nest of tensors and Python values.

    """
    if tf.executing_eagerly():  # step by step, to be looked at
        return function()
    result: Any = None
    inside: dict[int, tf.Tensor] = {}

    # A tf.function returns tensors alone. So the nest, with the Python values in it, is kept from
    # the trace, and the tensors in it are exchanged for those that come out.
    @tf.function(jit_compile=True, autograph=False)
    def run() -> list[tf.Tensor]:
        nonlocal result
        result = function()
        graph = tf.compat.v1.get_default_graph()
        for leaf in tf.nest.flatten(result):
            if tf.is_tensor(leaf) and getattr(leaf, "graph", None) is graph:
                inside[id(leaf)] = leaf  # each once: XLA would copy what is returned twice
        return list(inside.values())

    outside = dict(zip(inside, run(), strict=True))
    return tf.nest.map_structure(lambda leaf: outside.get(id(leaf), leaf), result)
