"""Runs the command line: `python -m jvlgs_jax <verb>` is `jvlgs <verb>`."""

import sys

from jvlgs_jax.cli.main import entry

if __name__ == "__main__":
    sys.exit(entry())
