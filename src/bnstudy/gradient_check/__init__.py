"""Are the gradients right? Independent opinions, where the first error is, and which mistake.

Imports `model`, what is below it, and NumPy; `numpy_network` and `mistakes` no TensorFlow.
"""
