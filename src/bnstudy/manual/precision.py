"""Half precision between operations, full precision inside them."""

import tensorflow as tf


def upcast(x: tf.Tensor) -> tf.Tensor:
    """Return half-precision numbers as float32, and others as they are."""
    return tf.cast(x, tf.float32) if x.dtype in (tf.bfloat16, tf.float16) else x
