"""What is known of the accelerators that programs are compiled for and speeds compared with."""

from dataclasses import dataclass

GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class Chip:
    """One kind of accelerator, which JAX sees as one device.

    Attributes:
        kind: the `device_kind` that JAX reports.
        memory: bytes that one program may use, of TPUs as their compiler states them.
        peak_flops: bfloat16 operations a second at most, without sparsity, as its maker states them.
    """

    kind: str
    memory: int
    peak_flops: float


# Peaks: cloud.google.com/tpu/docs/v4, v5e, v5p and v6e; NVIDIA's data sheet of the H100 SXM.
CHIPS: dict[str, Chip] = {
    "v4": Chip(kind="TPU v4", memory=int(30.75 * GIB), peak_flops=275e12),
    "v5e": Chip(kind="TPU v5 lite", memory=int(15.75 * GIB), peak_flops=197e12),
    "v5p": Chip(kind="TPU v5", memory=int(95.74 * GIB), peak_flops=459e12),
    "v6e": Chip(kind="TPU v6 lite", memory=int(31.25 * GIB), peak_flops=918e12),
    "h100": Chip(kind="NVIDIA H100 80GB HBM3", memory=84_942_979_072, peak_flops=989e12),
}


def chip_of_kind(kind: str) -> Chip | None:
    """Returns what is known of devices of a `device_kind`, or None."""
    return next((chip for chip in CHIPS.values() if chip.kind == kind), None)
