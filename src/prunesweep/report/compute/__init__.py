"""Plain values for a report: groups of runs, costs, frontiers, sparsity by layer. Nothing is drawn here.

May import `results`, `data` and `config`, and must not import torch.
"""
