"""The one exception that means: the user's input is wrong."""


class UserError(Exception):
    """Wrong input: one line that says what is wrong, where, and what would be right.

    The command line prints it without a traceback and exits with code 2.
    """
