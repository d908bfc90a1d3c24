import pytest

from prunesweep.cli import main
from prunesweep.export.formats import FORMATS


def test_the_help_of_export_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["export", "--help"])
    printed = capsys.readouterr().out
    assert all(form in printed for form in FORMATS)
