"""Figures from run folders, and the author's own curves of 2018.

Imports matplotlib, NumPy, `run_folder` and `config`; never TensorFlow.
"""
