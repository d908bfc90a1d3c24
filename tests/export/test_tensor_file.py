import pytest
import torch

from prunesweep.export.invalid import InvalidFile
from prunesweep.export.tensor_file import HEADER_LIMIT, SAFETENSORS, header, metadata, pack, unpack

WEIGHTS = {"fc.weight": torch.tensor([[1.0, 0.0], [2.0, 3.0]])}


def test_tensors_and_metadata_are_read_back() -> None:
    content = pack(WEIGHTS, {"shapes": "{}"})
    assert torch.equal(unpack(content)["fc.weight"], WEIGHTS["fc.weight"])
    assert metadata(content) == {"shapes": "{}"}
    assert metadata(pack(WEIGHTS)) == {}


def test_a_description_is_attached_and_leaves_tensors_and_their_hash_as_they_are() -> None:
    content = pack(WEIGHTS, {"shapes": "{}"})
    described = SAFETENSORS.attach(content, "text")
    assert SAFETENSORS.read(described) == "text"
    assert metadata(described)["shapes"] == "{}"
    assert torch.equal(unpack(described)["fc.weight"], WEIGHTS["fc.weight"])
    assert SAFETENSORS.content_hash(described) == SAFETENSORS.content_hash(content)
    assert SAFETENSORS.content_hash(pack({"fc.weight": torch.zeros(2, 2)})) != SAFETENSORS.content_hash(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ((HEADER_LIMIT + 1).to_bytes(8, "little") + b"{}", "incomplete or longer than 4,000,000 bytes"),
        ((100).to_bytes(8, "little") + b"{}", "incomplete or longer"),
        ((2).to_bytes(8, "little") + b"[]", "header that is not a JSON object"),
    ],
)
def test_a_damaged_header_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InvalidFile, match=message):
        header(content)


def test_a_type_that_exports_do_not_have_is_refused() -> None:
    with pytest.raises(InvalidFile, match="fc.weight of type BF16"):
        unpack(pack({"fc.weight": torch.zeros(2, dtype=torch.bfloat16)}))
