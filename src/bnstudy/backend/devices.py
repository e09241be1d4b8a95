"""Settings of TensorFlow's kernels: deterministic, and float32 in full precision."""

import os

import tensorflow as tf


def prepare() -> None:
    """Use deterministic kernels on GPUs (CPU kernels already are), and no TF32 for float32.

    TF32 rounds the factors of float32 products to 11 significant bits; newer NVIDIA GPUs use it
    unless told otherwise. BNSTUDY_TF32=1 in the environment allows it.
    """
    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()
        tf.config.experimental.enable_tensor_float_32_execution(
            os.environ.get("BNSTUDY_TF32") == "1"
        )
