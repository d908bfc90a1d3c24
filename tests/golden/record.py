"""Record the golden numbers: `python tests/golden/record.py` for all cases, or with their names for some.

Mask hashes of other machines are kept as long as the other numbers of a case do not change.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from cases import CASES, FOLDER, numbers

from prunesweep import config


def record(name: str) -> None:
    """Run the case `name` and write its file."""
    path = FOLDER / f"{name}.json"
    with tempfile.TemporaryDirectory() as folder:
        found = numbers(name, Path(folder))
    before = json.loads(path.read_text()) if path.exists() else {}
    if all(before.get(key) == found[key] for key in ("overrides", "counts", "rounds")):
        found["masks"] = {**before["masks"], **found["masks"]}
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{name}: {'unchanged' if found == before else 'recorded'}")


if __name__ == "__main__":
    config.register()
    for case in sys.argv[1:] or CASES:
        record(case)
