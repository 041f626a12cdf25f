"""What means that the user can mend this: one exception of ours, and some of the system's errors."""

import errno

# A disk that is full, over its quota or its limit for files, failing, or only to be read.
DISK_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})


class UserError(Exception):
    """Bad input, with one line that names the file or value, the limit and the fix.

    The command line prints the line and exits with code 2; library callers can catch it like any exception.
    """
