"""The command line: one file per command, with its arguments and its function.

Imports everything, but TensorFlow only in the command that needs it.
"""
