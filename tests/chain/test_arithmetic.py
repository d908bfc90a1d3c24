import os
from pathlib import Path

import forked
import pytest
import torch
from support import FORKS, ROOT

from prunesweep.chain.arithmetic import arithmetic

CODE = """
import torch
from prunesweep.chain.arithmetic import arithmetic

torch.set_num_threads(1)
print(arithmetic(1))
"""


def test_the_hash_is_the_same_each_time_and_leaves_the_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    arithmetic.cache_clear()
    first = arithmetic(torch.get_num_threads())
    arithmetic.cache_clear()
    assert arithmetic(torch.get_num_threads()) == first
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.skipif(not FORKS, reason="the variables are those of MKL and oneDNN on x86-64")
def test_an_environment_variable_that_changes_the_bits_changes_the_hash(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(CODE)

    def hash_with(**variable: str) -> str:
        """Return the hash that a process computes. Libraries read the variables when they first compute."""
        out, err = tmp_path / "out", tmp_path / "err"
        out.unlink(missing_ok=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **variable}
        assert forked.start(script, [], tmp_path, out, err, environment).wait() == 0, err.read_text()
        return out.read_text()

    variables = ({}, {"MKL_CBWR": "COMPATIBLE"}, {"ONEDNN_MAX_CPU_ISA": "SSE41"}, {"ATEN_CPU_CAPABILITY": "default"})
    assert len({hash_with(**variable) for variable in variables}) == len(variables)
