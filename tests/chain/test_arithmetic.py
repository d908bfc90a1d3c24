import subprocess
import sys
from functools import cache

import pytest
import torch

from prunesweep.chain.arithmetic import arithmetic

CODE = (
    "import torch; torch.set_num_threads(1); from prunesweep.chain.arithmetic import arithmetic; print(arithmetic(1))"
)


@cache
def in_a_process(**environment: str) -> str:
    """Return the hash that a new process computes."""
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_hash_is_the_same_each_time_and_leaves_the_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    arithmetic.cache_clear()
    first = arithmetic(torch.get_num_threads())
    arithmetic.cache_clear()
    assert arithmetic(torch.get_num_threads()) == first
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.skipif(sys.platform != "linux", reason="the variables are those of MKL and oneDNN on x86-64")
@pytest.mark.parametrize("variable", ["MKL_CBWR=COMPATIBLE", "ONEDNN_MAX_CPU_ISA=SSE41", "ATEN_CPU_CAPABILITY=default"])
def test_an_environment_variable_that_changes_the_bits_changes_the_hash(variable: str) -> None:
    name, _, value = variable.partition("=")
    assert in_a_process(**{name: value}) != in_a_process()
