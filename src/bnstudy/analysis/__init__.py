"""What can be learned from a trained network: corrupted images, statistics, sharpness.

May import `model`, `trained` and what is below them.
"""
