"""The network: the table of the post, its layers with their parameters, and which run as one.

Imports `manual` (the mathematics), `backend`, `config` and the random streams.
"""
