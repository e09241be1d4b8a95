"""The command line: one file per command, with its arguments and its main side by side.

Imports everything, but TensorFlow only in the command that needs it.
"""
