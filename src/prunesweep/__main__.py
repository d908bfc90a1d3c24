"""Execute `python -m prunesweep`, which is the command `prunesweep` of this Python."""

import sys

from prunesweep.cli import main

if __name__ == "__main__":
    sys.argv[0] = "prunesweep"  # messages contain the command, and this file cannot be started by its path
    main()
