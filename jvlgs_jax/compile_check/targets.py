"""The slices and machines that programs can be compiled for, by name."""

import difflib
from dataclasses import dataclass, field
from typing import Any

from jvlgs_jax.errors import UserError
from jvlgs_jax.training.chips import CHIPS, Chip

TPU, CUDA = "tpu", "cuda"


@dataclass(frozen=True, kw_only=True)
class Target:
    """Devices to compile for.

    Attributes:
        name: as its maker names it: "v5e-256" and "v6e-64" count chips, "v4-32" and "v5p-128" the two cores of each.
        chip: what each device is.
        devices: how many JAX sees.
        platform: TPU or CUDA.
        topology: how they are wired, as the plugin of the platform names it.
        options: further words for the plugin.
    """

    name: str
    chip: Chip
    devices: int
    platform: str
    topology: str
    options: dict[str, Any] = field(default_factory=dict)


_ONE_CHIP = {"chips_per_host_bounds": (1, 1, 1)}
_ONE_DEVICE_A_CHIP = {
    "chip_config_name": "megacore"
}  # as on a real v4; the compiler alone would take each core for one


def _slices(chip: str, slices: dict[int, str], **options: Any) -> list[Target]:
    """TPU slices by the number in their names."""
    cores = 2 if chip in ("v4", "v5p") else 1  # that the name counts, for each chip
    return [
        Target(
            name=f"{chip}-{number}",
            chip=CHIPS[chip],
            devices=number // cores,
            platform=TPU,
            topology=f"{chip}:{shape}",
            options=options if number > 1 else _ONE_CHIP,
        )
        for number, shape in slices.items()
    ]


_FLAT = {1: "1x1", 4: "2x2", 8: "2x4", 16: "4x4", 32: "4x8", 64: "8x8", 128: "8x16", 256: "16x16"}
_DEEP = {
    8: "2x2x1",
    16: "2x2x2",
    32: "2x2x4",
    64: "2x4x4",
    128: "4x4x4",
    256: "4x4x8",
    512: "4x8x8",
    1024: "8x8x8",
}

TARGETS: dict[str, Target] = {
    target.name: target
    for target in [
        *_slices("v4", _DEEP, **_ONE_DEVICE_A_CHIP),
        *_slices("v5e", _FLAT),
        *_slices("v5p", _DEEP),
        *_slices("v6e", _FLAT),
        *(
            Target(name=f"h100x{count}", chip=CHIPS["h100"], devices=count, platform=CUDA, topology=f"{count}x1x1")
            for count in (1, 2, 4, 8)
        ),
    ]
}


def find_target(name: str) -> Target:
    """Returns the target called `name`, one of TARGETS; UserError for any other, with the nearest one."""
    if name not in TARGETS:
        nearest = difflib.get_close_matches(name, TARGETS, n=1, cutoff=0)[0]
        raise UserError(f"unknown target {name!r}: did you mean {nearest!r}? The targets are {', '.join(TARGETS)}")
    return TARGETS[name]
