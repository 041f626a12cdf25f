"""File names as text that can be printed and written."""


def printable(name: str) -> str:
    """Returns the name of a file with a replacement character for each byte that is not UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
