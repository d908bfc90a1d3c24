"""The `prunesweep` command: it starts runs and sweeps, and uses finished ones.

- `command.py`: the command line and its list of verbs
- `verb.py`: what each verb provides
- `arguments.py`: arguments that several verbs have
- one module for each verb but `run`

May import everything.
"""

from prunesweep.cli.command import main as main
