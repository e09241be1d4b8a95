"""The exception for wrong input, and text for messages of one line."""


class UserError(Exception):
    """Wrong input: one line that says what is wrong, where, and what would be right.

    The command line prints it without a traceback and exits with code 2.
    """


def one_line(text: object, most: int = 300) -> str:
    """Return text on one line, without control characters, cut at `most` characters."""
    shown = str(text) or type(text).__name__
    return " ".join("".join(c if c.isprintable() else " " for c in shown[:most]).split())
