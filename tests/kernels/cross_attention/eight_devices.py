"""A program for eight virtual devices: attention and gradients on each one's rows equal those on one device."""

import os

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
os.environ["JAX_PLATFORMS"] = "cpu"

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.sharding import NamedSharding, PartitionSpec

from jvlgs_jax.kernels.cross_attention import cross_attention

ROWS, WHOLE = PartitionSpec("data"), PartitionSpec()


def gradients(name, query, projection, key, value):
    """Gradients of a loss with a parameter that all devices share, which must add up over them."""

    def loss(query, projection, key, value):
        implementation = None if name == "auto" else name
        out = cross_attention(query @ projection, key, value, scale=0.3, implementation=implementation)
        return jnp.square(out).sum()

    return jax.grad(loss, argnums=(0, 1, 2, 3))(query, projection, key, value)


def main() -> None:
    pl.pallas_call = partial(pl.pallas_call, interpret=True)
    rng = np.random.default_rng(0)
    shapes = [(8, 21, 2, 8), (8, 8), (8, 18, 2, 8), (8, 18, 2, 4)]
    arrays = [jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in shapes]
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    wanted = jax.jit(partial(gradients, "reference"))(*arrays)

    def check(found) -> None:
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4 * float(jnp.abs(b).max()))

    for name in ("xla", "pallas_tpu", "auto"):
        specs = (ROWS, WHOLE, ROWS, ROWS)
        # check_vma off for the interpreter alone: what it makes of a kernel does not keep track of devices.
        interpreted = name == "pallas_tpu"

        def of_own_rows(*own, name=name, interpreted=interpreted):
            found = list(gradients(name, *own))
            if interpreted:
                found[1] = jax.lax.psum(found[1], "data")
            return tuple(found)

        on_each = jax.shard_map(of_own_rows, mesh=mesh, in_specs=specs, out_specs=specs, check_vma=not interpreted)
        check(jax.jit(on_each)(*arrays))
        print(name)

    placed = [jax.device_put(x, NamedSharding(mesh, spec)) for x, spec in zip(arrays, specs, strict=True)]
    found = jax.jit(partial(gradients, "xla"))(*placed)
    assert not found[0].is_fully_replicated
    check(found)
    print("xla partitioned")


if __name__ == "__main__":
    main()
