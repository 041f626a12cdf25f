import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from jvlgs_jax.cli import train
from jvlgs_jax.experiment import Experiment, load_experiment

# For half a minute at most, and with no child that outlives it.
RUN_ON = "run_on() { for _ in {1..300}; do sleep 0.1; done; }"


@dataclass(frozen=True)
class Command:
    """A stand-in for a program, which keeps what it was called with."""

    record: Path

    @property
    def calls(self) -> list[list[str]]:
        if not self.record.exists():
            return []
        return [call.split("\x1f")[:-1] for call in self.record.read_text().split("\x1e")[:-1]]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Command]:
    """Makes programs on PATH that record their arguments and then do what some lines of shell say, as `run_on`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def make(name: str, does: str = "exit 0") -> Command:
        record = tmp_path / f"{name}.calls"
        keep = f"call=$(printf '%s\\x1f' \"$@\")\nprintf '%s\\x1e' \"$call\" >>'{record}'"
        (folder / name).write_text(f"#!/usr/bin/env bash\n{RUN_ON}\n{keep}\n{does}\n")
        (folder / name).chmod(0o755)
        return Command(record)

    return make


@pytest.fixture
def trained() -> Callable[[list[str]], tuple[argparse.Namespace, Experiment]]:
    """Reads the arguments of a `jvlgs` as the real one would: they must be those of a training that could begin."""

    def read(arguments: list[str]) -> tuple[argparse.Namespace, Experiment]:
        assert arguments[0] == "train"
        parser = argparse.ArgumentParser(allow_abbrev=False)
        train.add_arguments(parser)
        args, overrides = parser.parse_known_args(arguments[1:])
        return args, load_experiment(args.config, overrides)

    return read
