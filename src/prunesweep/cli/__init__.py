"""The `prunesweep` command: it starts runs and sweeps, and uses finished ones.

- `command.py`: the command line and its list of verbs
- `verb.py`: what each verb provides
- `arguments.py`: arguments that several verbs have
- `bench.py`, `compare.py`, `confirm.py`, `evaluate.py`, `export.py`, `report.py`, `reproduce.py`, `store.py`: the verbs

May import everything.
"""

from prunesweep.cli.command import main as main
