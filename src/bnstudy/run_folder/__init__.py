"""The files of a run: its folder, log, checkpoints and provenance, each written atomically.

Imports NumPy, `config`, `backend.cpu`, `interrupts`, `paths` and `errors`; never TensorFlow.
"""
