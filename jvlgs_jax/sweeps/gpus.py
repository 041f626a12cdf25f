"""The GPUs of this machine, shared out among trainings that run at a time."""

import os
import subprocess
from collections.abc import Mapping, Sequence

VARIABLE = "CUDA_VISIBLE_DEVICES"


def visible_gpus() -> list[str]:
    """Returns the names of the GPUs that a training would see: those of VARIABLE, else all that `nvidia-smi` lists."""
    if (chosen := os.environ.get(VARIABLE)) is not None:
        return [name.strip() for name in chosen.split(",") if name.strip()]
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return []
    return listed.stdout.split()


def share(gpus: Sequence[str], slot: int, slots: int) -> Mapping[str, str]:
    """Returns the environment in which training number `slot` of `slots` sees its own part of `gpus`.

    Parts are equal or differ by one; with fewer GPUs than trainings, some share one. Without GPUs it is empty.
    """
    if not gpus:
        return {}
    return {VARIABLE: ",".join(gpus[slot::slots] or [gpus[slot % len(gpus)]])}
