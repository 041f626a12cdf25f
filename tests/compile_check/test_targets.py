import pytest

from jvlgs_jax.compile_check.targets import TARGETS, find_target
from jvlgs_jax.errors import UserError


@pytest.mark.parametrize(
    ("name", "devices", "kind"),
    [
        ("v5e-1", 1, "TPU v5 lite"),
        ("v5e-256", 256, "TPU v5 lite"),
        ("v6e-64", 64, "TPU v6 lite"),
        ("v5p-128", 64, "TPU v5"),  # the name counts cores, of which a chip has two
        ("v4-32", 16, "TPU v4"),
        ("h100x8", 8, "NVIDIA H100 80GB HBM3"),
    ],
)
def test_names_are_those_of_the_makers(name: str, devices: int, kind: str):
    target = find_target(name)
    assert (target.devices, target.chip.kind) == (devices, kind)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_the_topology_has_as_many_chips_as_devices(target):
    count = 1
    for side in target.topology.split(":")[-1].split("x"):
        count *= int(side)
    assert count == target.devices


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(
        UserError, match=r"unknown target 'v5e-255': did you mean 'v5e-256'\? The targets are v4-8, .*h100x8"
    ):
        find_target("v5e-255")
