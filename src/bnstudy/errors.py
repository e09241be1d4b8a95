"""The one exception that means: the user's input is wrong."""


class UserError(Exception):
    """Wrong input: one line that says what is wrong, where, and what would be right.

    The command line prints it without a traceback and exits with code 2.
    """


def one_line(text: object) -> str:
    """Return a text without line breaks and control characters, at most 300 characters long."""
    shown = str(text) or type(text).__name__
    return " ".join("".join(c if c.isprintable() else " " for c in shown[:300]).split())
