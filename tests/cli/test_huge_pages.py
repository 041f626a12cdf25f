import os
import subprocess
import sys
from pathlib import Path

import pytest

from jvlgs_jax.cli import huge_pages

PROGRAM = """
import os, sys
from pathlib import Path
from jvlgs_jax.cli import huge_pages
huge_pages.SYSTEM_SETTING = Path(sys.argv[1])
huge_pages.restart_with_huge_pages()
print(os.getpid(), os.environ.get("GLIBC_TUNABLES"), *sys.argv[2:])
"""


@pytest.mark.parametrize(
    ("setting", "before", "after"),
    [
        ("always [madvise] never", None, "glibc.malloc.hugetlb=1"),
        ("[always] madvise never", None, "None"),
        ("always madvise [never]", None, "None"),
        (None, None, "None"),
        ("always [madvise] never", "glibc.malloc.check=1", "glibc.malloc.check=1"),
    ],
)
def test_the_same_process_goes_on_with_huge_pages_where_programs_choose(
    tmp_path: Path, setting: str | None, before: str | None, after: str
):
    path = tmp_path / "enabled"
    if setting is not None:
        path.write_text(setting, encoding="ascii")
    environment = {name: value for name, value in os.environ.items() if name != huge_pages.TUNABLES}
    if before is not None:
        environment[huge_pages.TUNABLES] = before
    command = [sys.executable, "-c", PROGRAM, str(path), "an argument", "--another=1"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        printed, _ = process.communicate()
    assert process.returncode == 0
    assert printed == f"{process.pid} {after} an argument --another=1\n"
