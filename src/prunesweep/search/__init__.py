"""Searches with Optuna: the space, the trials of a study, the loop that runs them, and the confirmation of the best.

A search is described by a `SearchSpec` (loop.py). The command line, Hydra's overrides and its launchers are adapted in
`hydra_plugins/prunesweep_plugins`; nothing here imports Hydra or that package. A module may import everything above
`search` in the order of the folders: results, experiment and report among them.
"""
