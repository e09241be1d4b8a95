"""Compile parts of a graph with XLA, which merges many small operations into few passes."""

import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

enabled = os.environ.get("BNSTUDY_XLA") != "0"  # 0: to step through, or to start sooner


@tf.autograph.experimental.do_not_convert
def compiled(function: Callable[[], Any]) -> Any:
    """Call a function; inside a `tf.function`, have XLA compile all of it as one.

    XLA is good for operations bound by memory: it keeps their intermediate results in registers. It
    is not good for convolutions, whose kernels it replaces. BNSTUDY_XLA=0 in the environment
    switches it off; the results are the same up to rounding.

    Args:
        function: without arguments; it may use and assign variables and use tensors from outside.

    Returns:
        What `function` returns: any nest of tensors and Python values.

    """
    if tf.executing_eagerly() or not enabled:  # step by step
        return function()
    result: Any = None
    inside: dict[int, tf.Tensor] = {}

    # A tf.function returns only tensors, but a result is a nest of tensors and Python values. So
    # the nest is kept as it was while tracing, and each tensor in it is replaced by the one that
    # the compiled function returns for it.
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
