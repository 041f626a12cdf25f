import subprocess
from pathlib import Path

import pytest

from jvlgs_jax.training import provenance
from jvlgs_jax.training.provenance import COMMIT_VARIABLE, code_version


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the package seems to be installed in."""
    monkeypatch.setattr(provenance.jvlgs_jax, "__file__", str(tmp_path / "jvlgs_jax" / "__init__.py"))
    return tmp_path


@pytest.mark.parametrize(("variable", "commit"), [("12ab", "12ab"), ("", None), (None, None)])
def test_an_installed_package_has_the_commit_that_the_environment_names(
    installed: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None, commit: str | None
):
    monkeypatch.delenv(COMMIT_VARIABLE, raising=False)
    if variable is not None:
        monkeypatch.setenv(COMMIT_VARIABLE, variable)
    assert code_version()["commit"] == commit


def test_a_checkout_knows_its_own(installed: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(COMMIT_VARIABLE, "12ab")
    git = ["git", "-C", str(installed), "-c", "user.name=a", "-c", "user.email=a@b"]
    (installed / "file").touch()
    for arguments in (["init", "-q"], ["add", "file"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *arguments], check=True)
    own = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert code_version()["commit"] == own
    (installed / "file").write_text("changed")
    assert code_version()["commit"] == f"{own}+"
