"""What is wrong with the batch norms of anybody's Keras model: `bnstudy doctor`.

`file` and `data` read what the user gives, `walk` and `passes` measure, `findings` judge. Imports
`backend`, `run_folder`, and what is below them; knows nothing of this package's own networks.
"""
