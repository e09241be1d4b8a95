"""What a run leaves behind: its folder, log, checkpoints and provenance; never half a file.

Imports NumPy, `config`, `backend.cpu`, `interrupts` and `errors`; never TensorFlow.
"""
