import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jvlgs_jax.simulation.assemblies import (
    ASSEMBLY_KINDS,
    AssemblyParameters,
    add_assemblies,
    draw_assemblies,
    patch_side,
)
from jvlgs_jax.simulation.draws import Draws
from jvlgs_jax.simulation.equipment import HOSTS, EquipmentParameters


@pytest.mark.parametrize("gas_layer", [0, 99])
def test_assemblies_cover_what_is_behind_and_count_as_equipment(gas_layer):
    count = len(ASSEMBLY_KINDS)
    columns = 40.0 + 60.0 * np.arange(count)
    assemblies = AssemblyParameters(
        kind=jnp.arange(count),
        host=jnp.zeros(count, int),
        present=jnp.arange(count) != 3,
        centre=jnp.stack([jnp.full(count, 60.0), jnp.asarray(columns, jnp.float32)], axis=-1),
        size=jnp.full(count, 14.0),
        mirrored=jnp.ones(count),
        temperature=jnp.full(count, 20.0),
        contrast=jnp.full(count, 3.0),
        softness=jnp.ones(count),
    )
    clear = jnp.zeros((120, 540))
    picture, covered, front = jax.device_get(
        add_assemblies(clear, clear, clear, assemblies, margin=0, side=48, gas_layer=jnp.asarray(gas_layer))
    )
    for number, column in enumerate(columns.astype(int)):
        patch = np.s_[20:100, column - 29 : column + 30]
        if number == 3:  # one that is not there leaves no trace
            assert not covered[patch].any()
            continue
        whole = covered[patch] == 1.0
        assert whole.sum() > 3
        assert 10.0 < picture[patch][whole].min() < picture[patch][whole].max() < 30.0
        assert np.ptp(picture[patch][whole]) > 0.5  # its parts can be told apart
    np.testing.assert_array_equal(front, covered if gas_layer == 0 else clear)


@pytest.mark.slow
@pytest.mark.parametrize("height", [96, 240])
def test_no_assembly_is_cut_by_the_square_it_is_drawn_in(height):
    equipment = EquipmentParameters(**dict.fromkeys(EquipmentParameters._fields))._replace(
        present=jnp.ones(HOSTS, bool),
        centre=jnp.full((HOSTS, 2), 100.3),
        half=jnp.zeros((HOSTS, 2)),
        spacing=jnp.full(HOSTS, float(height)),  # far larger than any that is drawn
    )
    drawn = draw_assemblies(Draws(jax.random.key(0)), equipment, jnp.float32(5), height)
    assert set(np.asarray(drawn.kind)) == set(range(len(ASSEMBLY_KINDS)))
    clear = jnp.zeros((200, 200))
    one_by_one = [jax.tree.map(lambda leaf, n=number: leaf[n : n + 1], drawn) for number in range(len(drawn.kind))]
    paint = jax.jit(add_assemblies, static_argnames=("margin", "side"))
    for assembly in one_by_one:
        images = [
            paint(clear, clear, clear, assembly, margin=0, side=side, gas_layer=jnp.int32(0))
            for side in (patch_side(height), 200)
        ]
        for within, whole in zip(*images, strict=True):
            np.testing.assert_allclose(within, whole, atol=1e-4)
