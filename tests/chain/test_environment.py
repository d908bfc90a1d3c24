import torch

from prunesweep.chain.arithmetic import arithmetic
from prunesweep.chain.environment import digests, environment, extend
from prunesweep.chain.steps import Reinitialize, Rewind, Step

ROOT = {"torch": "1"}
CHAIN: list[Step] = [Rewind(0), Rewind(1), Rewind(2), Reinitialize(0, 0)]


def test_a_digest_covers_all_earlier_steps_and_the_environment() -> None:
    ours = digests(ROOT, CHAIN)
    assert len(set(ours)) == len(CHAIN)
    assert digests(ROOT, CHAIN[:2]) == ours[:2]
    assert not set(ours) & set(digests({"torch": "2"}, CHAIN)), "the environment is part of each digest"
    other = digests(ROOT, [Rewind(0), Rewind(9), *CHAIN[2:]])
    assert other[0] == ours[0]
    assert not set(ours[1:]) & set(other[1:])


def test_the_encoding_is_pinned() -> None:
    assert extend("", {"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"


def test_the_environment_names_processor_and_threads() -> None:
    found = environment("cpu", 2)
    assert found.pop("device").endswith(f" {torch.backends.cpu.get_cpu_capability()}")
    assert found == {"format": 3, "torch": torch.__version__, "threads": 2, "arithmetic": arithmetic(2)}


def test_portable_arithmetic_does_not_depend_on_the_processor() -> None:
    assert environment("cpu", 1, portable=True)["device"] == "portable"
