"""TensorFlow's surroundings: its start, XLA, bfloat16, the processor, GPUs.

May import TensorFlow and `errors`; `cpu` never imports TensorFlow, `startup` only when asked to.
"""
