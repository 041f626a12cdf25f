"""Makes the sample clip: `python -m jvlgs_jax.sample.make_clip FOLDER`; one version of the package makes one clip."""

import argparse
import dataclasses
from pathlib import Path

import cv2
import jax
import numpy as np

from jvlgs_jax.inference.replacement import replacement
from jvlgs_jax.inference.video_writer import video_writer
from jvlgs_jax.simulation.clip import SimulatedClip, simulate_clip
from jvlgs_jax.simulation.config import SimulationConfig
from jvlgs_jax.simulation.presets import preset
from jvlgs_jax.simulation.truth import GAS_PIXEL

NAME = "leak"
FRAMES, FRAMES_PER_SECOND = 150, 15.0
SEED, INDEX = 2024, 2  # of no training: those simulate under other seeds


def clip_config() -> SimulationConfig:
    """Returns the family of the clip: a quiet scene of the easiest preset in which a leak starts within the clip."""
    family = preset("simgas_like")
    plume = dataclasses.replace(family.plume, leak_free=0.0, onset=(0.0, 0.0, 1.0), stops=0.0)
    return dataclasses.replace(family, frame_count=FRAMES, seed=SEED, plume=plume)


def write_clip(clip: SimulatedClip, folder: Path) -> None:
    """Writes a clip in the gas_folder layout: leak.mp4, and its truth as masks/leak/000.png and so on, exact."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacement(folder / "masks") as partial:
        (partial / NAME).mkdir(parents=True)
        for number, mask in enumerate(np.asarray(clip.mask)):
            gas = 255 * (mask == GAS_PIXEL).astype(np.uint8)
            cv2.imwrite(str(partial / NAME / f"{number:03d}.png"), gas, [cv2.IMWRITE_PNG_BILEVEL, 1])
    with video_writer(folder / f"{NAME}.mp4", FRAMES_PER_SECOND) as write:
        for frame in np.asarray(clip.frames):
            write(np.repeat(frame[..., None], 3, axis=-1))


def main() -> None:
    """Simulates the clip and writes it to the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Makes the sample clip.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    write_clip(jax.device_get(simulate_clip(clip_config(), INDEX)), folder)
    print(f"{folder}: written")


if __name__ == "__main__":
    main()
