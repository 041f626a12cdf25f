"""The one exception that means: the user can mend this."""


class UserError(Exception):
    """Bad input, with one line that names the file or value, the limit and the fix.

    The command line prints the line and exits with code 2; library callers can catch it like any exception.
    """
