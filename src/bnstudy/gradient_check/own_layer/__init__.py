"""Any pair of functions, forward and backward, checked: `bnstudy.check_layer`, `check FILE.py`.

Imports `gradient_check` and NumPy; TensorFlow only if the functions use it.
"""
