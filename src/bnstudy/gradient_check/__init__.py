"""Are the gradients right? Independent opinions, where the first error is, and which mistake.

Imports `model`, `data`, `manual`, `config` and NumPy; `numpy_network` and `mistakes` no TensorFlow.
"""
