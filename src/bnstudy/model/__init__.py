"""The network: the post's table, its layers with their parameters, and how they are fused.

Imports `manual` (the mathematics), `data` (the size of an image), `backend`, `config` and the
random streams.
"""
