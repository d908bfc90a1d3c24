"""Adapters between Hydra and prunesweep: sweepers, resources of launchers, composition of configs, a callback.

The search itself is in `prunesweep.search`, which does not import this package.
"""
