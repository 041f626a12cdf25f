"""What made a checkpoint: the code and the libraries."""

import os
import subprocess
from pathlib import Path

import flax
import jax
import optax
import orbax.checkpoint

import jvlgs_jax

COMMIT_VARIABLE = "JVLGS_COMMIT"


def code_version() -> dict[str, str | None]:
    """Returns the versions of this package, its git commit, and of what it computes with.

    The commit ends in "+" if files of the checkout differ from it. Of a package that does not run from a checkout, it
    is what the environment's COMMIT_VARIABLE says, if anything.
    """
    return {
        "jvlgs_jax": jvlgs_jax.__version__,
        "commit": _commit(Path(jvlgs_jax.__file__).parents[1]) or os.environ.get(COMMIT_VARIABLE) or None,
        "jax": jax.__version__,
        "flax": flax.__version__,
        "optax": optax.__version__,
        "orbax": orbax.checkpoint.__version__,
    }


def _commit(checkout: Path) -> str | None:
    if not (checkout / ".git").exists():  # another project's checkout may hold an installed package
        return None
    try:
        commit = _git(checkout, "rev-parse", "HEAD")
        return commit + ("+" if _git(checkout, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(checkout: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(checkout), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()
