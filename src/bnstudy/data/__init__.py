"""The data sets, and batches of them: shuffled, augmented, standardized.

Imports NumPy, TensorFlow (for what happens to a batch), `config`, `random_streams`, `paths` and
`errors`.
"""
