"""The devices of a training, and which part of each array lives on which of them."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import jax
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from jvlgs_jax.errors import UserError
from jvlgs_jax.training.variable_paths import variable_path

T = TypeVar("T")

DATA, FSDP = "data", "fsdp"

# The first pattern found in a variable's path says which axis is cut over the fsdp devices, counted from the end as
# blocks are stacked on a first axis that is scanned; None leaves the array whole on each device. So do arrays that are
# small, as a message costs more than their memory, and those whose axis cannot be cut evenly.
SHARDING_RULES: tuple[tuple[str, int | None], ...] = (
    (r"\bembedding$", -2),  # the vocabulary
    (r"\bkernel$", -1),  # the outputs
    (r"", None),
)
LEAST_SHARDED = 2**14  # elements


@dataclass(frozen=True, kw_only=True)
class MeshConfig:
    """How many devices share the work; every device takes an equal part of each batch.

    Attributes:
        data: groups of devices that each hold the whole training state; -1: as many as there are devices for.
        fsdp: devices of a group, over which parameters and the optimizer's memory are cut.
    """

    data: int = -1
    fsdp: int = 1

    def __post_init__(self) -> None:
        if self.fsdp < 1:
            raise UserError(f"train.mesh.fsdp is {self.fsdp}, the least is 1: use 1 for whole states on each device")
        if self.data < 1 and self.data != -1:
            raise UserError(f"train.mesh.data is {self.data}, the least is 1: use -1 for all devices")


def make_mesh(config: MeshConfig, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """Returns the mesh of the first data * fsdp of `devices`, by default of all processes; UserError if too few.

    With several processes the mesh must hold all devices, as each process needs some.
    """
    devices = jax.devices() if devices is None else devices
    data = max(len(devices) // config.fsdp, 1) if config.data == -1 else config.data
    count = data * config.fsdp
    if count > len(devices) or (jax.process_count() > 1 and count < len(devices)):
        raise UserError(
            f"train.mesh is data={data} times fsdp={config.fsdp}, {count} devices, but there are {len(devices)}: "
            "make the product fit, or use data=-1"
        )
    axes = (AxisType.Auto, AxisType.Auto)
    return jax.make_mesh((data, config.fsdp), (DATA, FSDP), axis_types=axes, devices=devices[:count])


def batch_sharding(mesh: Mesh | AbstractMesh, batch_size: int, micro_batches: int) -> NamedSharding:
    """Returns where the rows of a batch live; UserError for a batch that the devices cannot share equally."""
    least = mesh.size * micro_batches
    if batch_size % least:
        raise UserError(
            f"data.batch_size is {batch_size}, shared by {mesh.size} devices in {micro_batches} micro-batches: "
            f"use a multiple of {least}, or another train.mesh"
        )
    return NamedSharding(mesh, PartitionSpec((DATA, FSDP)))


def replicated(mesh: Mesh | AbstractMesh) -> NamedSharding:
    """Returns the sharding of an array that is whole on each device."""
    return NamedSharding(mesh, PartitionSpec())


def shardings(tree: T, mesh: Mesh | AbstractMesh) -> T:
    """Returns a tree like `tree`, of arrays or shapes, with the sharding of each leaf that SHARDING_RULES give."""
    return jax.tree_util.tree_map_with_path(lambda path, leaf: _sharding(variable_path(path), leaf.shape, mesh), tree)


def with_shardings(tree: T, places: T) -> T:
    """Returns the shapes of `tree` with the shardings `places`: what a checkpoint is restored to."""
    return jax.tree.map(lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), tree, places)


def summed_over_devices(x: Array, place: NamedSharding) -> Array:
    """Returns, inside `shard_map`, the sum of all devices' arrays `x`: of it, each has the part that `place` says."""
    if FSDP not in place.spec or place.mesh.shape[FSDP] == 1:
        return jax.lax.psum(x, (DATA, FSDP))
    cut = place.spec.index(FSDP)
    return jax.lax.psum(jax.lax.psum_scatter(x, FSDP, scatter_dimension=cut, tiled=True), DATA)


def on_one_device(tree: T) -> T:
    """Returns the arrays of `tree` whole, on one device of this process."""

    def gather(x: jax.Array) -> jax.Array:
        if not isinstance(x.sharding, NamedSharding):
            return x
        return jax.device_put(x, replicated(x.sharding.mesh)).addressable_data(0)

    return jax.tree.map(gather, tree)


def _sharding(path: str, shape: tuple[int, ...], mesh: Mesh | AbstractMesh) -> NamedSharding:
    axis = next(axis for pattern, axis in SHARDING_RULES if re.search(pattern, path))
    if axis is None or len(shape) < -axis or math.prod(shape) < LEAST_SHARDED or shape[axis] % mesh.shape[FSDP]:
        return replicated(mesh)
    names: list[str | None] = [None] * len(shape)
    names[axis] = FSDP
    return NamedSharding(mesh, PartitionSpec(*names))
