"""Pruning a network: which parameters, by which scores, how many, and what the result costs.

May import `errors`, `code`, `data` and `models`. Nothing here knows schedules, chains or files.
"""
