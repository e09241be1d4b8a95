"""What TensorFlow runs on: its start, XLA, bfloat16, the processor, GPUs.

Imports TensorFlow and `errors`; `cpu` and `startup` do so only when they are asked to.
"""
