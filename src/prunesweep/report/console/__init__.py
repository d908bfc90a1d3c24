"""Terminal output: a progress bar, one line per run, one table per sweep, the contents of the store.

May import everything above `report` in the pipeline, and `report.compute` and `report.render`. Only `progress` imports
torch, through the steps of a chain.
"""
