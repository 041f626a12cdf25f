"""How leaks grow from their first frame on: the share of the picture that their gas covers, simulated and real.

    python benchmarks/plume_growth.py --preset young_jets --clips 40 --real FOLDER

`FOLDER` holds any dataset that `jvlgs evaluate` reads. Prints percentiles (10, 50, 90) over leaks.
Only the gas is simulated, on a picture of its own: what hides gas in a scene does not count.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jvlgs_jax.data.layouts import load_scenes
from jvlgs_jax.simulation.config import SimulationConfig
from jvlgs_jax.simulation.parameters import GAS, NEVER, draw_parameters
from jvlgs_jax.simulation.plume import advance, clean_air, patch_optical_depth, place, plume_fields
from jvlgs_jax.simulation.presets import PRESET_NAMES, preset

FRAMES = (5, 15, 30, 60, 100, 150, 200, 240)  # after the first with gas


def simulated_areas(name: str, clips: int) -> Float[np.ndarray, "clips frames"]:
    """Per cent of the picture that the leaks of a preset's first clips cover, each begun at frame 0."""
    family = preset(name)
    family = replace(family, plume=replace(family.plume, leak_free=0.0, stops=0.0))
    grow = jax.jit(lambda index: _grow(family, index))
    return np.stack([np.asarray(grow(jnp.int32(index)))[list(FRAMES)] for index in range(clips)])


def _grow(family: SimulationConfig, index: Int[Array, ""]) -> Float[Array, " t"]:
    plume = jax.tree.map(lambda leaf: leaf[GAS], draw_parameters(family, index).plumes)
    plume = plume._replace(onset=jnp.float32(0), stop=jnp.float32(NEVER))
    fields = plume_fields(plume)

    def step(density: Array, time: Array) -> tuple[Array, Array]:
        density = advance(density, plume, fields, time)
        depth = place(patch_optical_depth(density, plume, fields, time), plume, family.size, jnp.zeros(2))
        return density, 100 * jnp.mean(depth > family.plume.mask_optical_depth)

    return jax.lax.scan(step, clean_air(), jnp.arange(1.0 + FRAMES[-1]))[1]


def real_areas(folder: Path) -> Float[np.ndarray, "scenes frames"]:
    """The same of a labelled dataset's scenes; NaN past a scene's end."""
    areas = []
    for scene in load_scenes(folder):
        covered = 100 * (scene.truth > 0).mean(axis=(1, 2))
        if covered.any():
            frames = np.argmax(covered > 0) + np.array(FRAMES)
            areas.append([covered[frame] if frame < len(covered) else np.nan for frame in frames])
    return np.array(areas)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESET_NAMES, nargs="+", default=["simgas_like", "young_jets"])
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--real", type=Path, help="folder of a labelled dataset to set beside")
    args = parser.parse_args()
    sets = {f"{name}, simulated": simulated_areas(name, args.clips) for name in args.preset}
    if args.real:
        sets["real"] = real_areas(args.real)
    print("| leaks of | n | " + " | ".join(f"{frame} frames" for frame in FRAMES) + " |")
    print("|---|---|" + "---|" * len(FRAMES))
    for name, areas in sets.items():
        columns = np.nanpercentile(areas, (10, 50, 90), axis=0).T
        cells = [f"{low:.2f} / **{middle:.2f}** / {high:.2f}" for low, middle, high in columns]
        print(f"| {name} | {len(areas)} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
