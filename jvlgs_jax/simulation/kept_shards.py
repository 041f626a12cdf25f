"""Finished shards of simulated clips, kept in a folder beside the dataset until all of them are there."""

import json
import os
from pathlib import Path
from typing import Any

Shard = tuple[Path, dict[str, Any]]  # its file; its number of records, and its scenes with records counted from 0


def keep_shard(kept: Path, source: Path, start: int, described: dict[str, Any]) -> Shard:
    """Keeps a whole shard under the numbers of its clips; its description comes last, so that one tells it is whole."""
    path = kept / f"{start}-{start + len(described['scenes'])}.array_record"
    path.unlink(missing_ok=True)
    os.link(source, path)
    unfinished = kept / f"partial-{start}.json"
    unfinished.write_text(json.dumps(described))
    unfinished.replace(path.with_suffix(".json"))
    return path, described


def find_shard(kept: Path, start: int, end: int) -> Shard | None:
    """Returns the longest kept shard from clip `start` on that does not reach beyond clip `end`."""
    ends = [int(path.stem.partition("-")[2]) for path in kept.glob(f"{start}-*.json")]
    fitting = [last for last in ends if last <= end]
    if not fitting:
        return None
    described = kept / f"{start}-{max(fitting)}.json"
    return described.with_suffix(".array_record"), json.loads(described.read_text())
