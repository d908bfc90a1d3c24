"""Reports on sweeps: `compute` derives plain values from runs, `render` draws them, `console` prints to the terminal.

This folder reads run directories and never changes or repeats a run. It may import everything above it in the pipeline,
from `errors` to `experiment`. Only `console` imports from `render`, and both import from `compute`.
"""
