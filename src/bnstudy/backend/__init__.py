"""TensorFlow's surroundings: its start, XLA, bfloat16, the processor, GPUs.

May import TensorFlow, `output` and `errors`; `cpu` and `tf_config` never import TensorFlow,
`startup` only when asked to.
"""
