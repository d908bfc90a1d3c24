from prunesweep.export.formats import FORMATS
from prunesweep.export.protocol import Executes


def test_every_format_has_a_name_and_a_suffix_of_its_own() -> None:
    assert all(name == form.name for name, form in FORMATS.items())
    assert len({form.suffix for form in FORMATS.values()}) == len(FORMATS)


def test_only_programs_execute_code_in_the_file() -> None:
    assert [name for name, form in FORMATS.items() if form.executes is Executes.FILE] == ["torch", "c"]
    assert [name for name, form in FORMATS.items() if form.executes is Executes.NOTHING] == ["onnx"]
