"""Chains of steps: the steps, the schedules that write them, their digests and their execution.

May import `errors`, `files`, `code`, `data`, `models`, `training`, `pruning` and `store`.
"""
