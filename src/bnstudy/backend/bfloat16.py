"""bfloat16 where the processor has instructions for it, else the same numbers from float32.

A bfloat16 number has float32's range and 8 of its 24 significant bits. The product of two of them
is exact in float32, and processors with bfloat16 instructions add the products in float32. So a
convolution in float32 of bfloat16 numbers, rounded to bfloat16, gives what those processors give
(except for the order of the sums), without being faster. TensorFlow's own fallback took fifteen
times as long (case a, width 0.25).
"""

from functools import cache

import tensorflow as tf

from bnstudy.backend import cpu


@cache
def is_native() -> bool:
    """Return whether this machine has bfloat16 instructions: a GPU, or a CPU that names them."""
    return bool(tf.config.list_physical_devices("GPU")) or cpu.has_bfloat16()


def for_convolution(x: tf.Tensor) -> tf.Tensor:
    """Return x, or if it is bfloat16 without native instructions, the same numbers in float32."""
    return tf.cast(x, tf.float32) if x.dtype == tf.bfloat16 and not is_native() else x
