"""Pages of which a benchmark writes a part."""

from pathlib import Path


def replace_section(page: Path, name: str, text: str) -> None:
    """Replace what is between the comments `name` and `end of name` of a Markdown page."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = page.read_text().partition(begin)
    page.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}")
