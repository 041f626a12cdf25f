"""File names in the order a person reads them: 2 before 10."""

import re


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Returns a sort key that compares runs of digits as numbers: "2" < "2_human" < "10"."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.findall(r"\d+|\D+", text))
