"""The five questions of the post: the frame that runs their plans and shows their verdicts.

Imports `sweep`, `report`, `run_folder`, `plots` and what is below them. The questions themselves
are the folders experiments/qN_name.
"""
