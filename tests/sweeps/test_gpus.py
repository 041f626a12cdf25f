from pathlib import Path

import pytest

from jvlgs_jax.sweeps.gpus import share, visible_gpus


def test_gpus_are_those_of_the_environment_or_all_that_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus() == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-8a")
    assert visible_gpus() == ["3", "GPU-8a"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # hides them all
    assert visible_gpus() == []


def test_no_driver_means_no_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() == []


@pytest.mark.parametrize(
    ("gpus", "slots", "parts"),
    [
        ("0123", 1, ["0,1,2,3"]),
        ("0123", 2, ["0,2", "1,3"]),
        ("012", 2, ["0,2", "1"]),
        ("01", 3, ["0", "1", "0"]),
    ],
)
def test_trainings_share_the_gpus(gpus: str, slots: int, parts: list[str]):
    assert [share(list(gpus), slot, slots)["CUDA_VISIBLE_DEVICES"] for slot in range(slots)] == parts
    assert share([], 0, slots) == {}
