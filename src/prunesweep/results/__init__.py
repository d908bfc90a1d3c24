"""Results of runs: the fields of `result.json`, run directories, tables, objectives, Pareto sets, published figures.

This folder reads and writes results. It does not compute them. It may import `errors`, `files`, `roles`, `data` and
`models`, and it must not import torch.
"""
