import logging

from hydra_plugins.prunesweep_plugins.messages import PrintableFormatter


def test_a_message_cannot_control_the_terminal() -> None:
    record = logging.LogRecord("name", logging.INFO, "path", 1, "study %s\n\tof two", ("\x1b[31m",), None)
    assert PrintableFormatter("%(message)s").format(record) == "study \\x1b[31m\n\tof two"
