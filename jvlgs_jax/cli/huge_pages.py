"""Large arrays in huge pages: on a CPU, a training step is a sixth faster for it.

XLA takes a step's temporary memory, gigabytes of it, from the C library and gives it back after each step. In pages of
4 kB the system clears and maps them by the million, each step anew. In pages of 2 MB it does so by the thousand.
"""

import os
import sys
from pathlib import Path

TUNABLES, HUGE_PAGES = "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"
SYSTEM_SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def restart_with_huge_pages() -> None:
    """Starts this process anew, with the same arguments, if that gives it huge pages that it would not have.

    glibc reads its setting when a process starts, and takes it where the system leaves the choice to programs.
    Elsewhere nothing happens, nor where GLIBC_TUNABLES is set already. Call it before anything is open or imported.
    """
    if TUNABLES in os.environ or not _left_to_programs(SYSTEM_SETTING):
        return
    os.environ[TUNABLES] = HUGE_PAGES
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _left_to_programs(setting: Path) -> bool:
    """Whether Linux's setting is "madvise": what it is set to stands in brackets."""
    try:
        return "[madvise]" in setting.read_text(encoding="ascii")
    except OSError:
        return False
