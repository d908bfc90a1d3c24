"""Schedules: functions that write the chain of steps of a run.

`settings.py` holds the settings of every schedule and does not import torch, `parts.py` what a chain is composed from.
`writer.py` appends steps, and each schedule has a file of its own. To add one, write its settings and its function, and
register it in `plan.py`.
"""
