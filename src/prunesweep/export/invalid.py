"""The error for files with invalid content, and the limits of what is read and printed."""

LIMIT = 2**28
"""The largest size of an exported file, and of the dense tensors in it, in bytes. LeNets have less than 2 MB."""


class InvalidFile(ValueError):
    """The content of an exported file is invalid. The message continues a sentence that begins with its path."""


def shortened(text: str) -> str:
    """Return at most 200 characters of a text from a file or a library: its beginning and its end."""
    return text if len(text) <= 200 else f"{text[:99]}…{text[-100:]}"
