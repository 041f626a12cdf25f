"""Draws real and simulated frames with gas in random order, numbered, for someone to tell apart.

    python benchmarks/blind_sheet.py --real FOLDER --output sheet.png

`FOLDER` holds any dataset that `jvlgs evaluate` reads: one frame of each of its videos. As many come from simulated
clips, of the presets in turn. `sheet_key.json` beside the sheet says which is which: show the sheet without it.
"""

import argparse
import dataclasses
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import jax
import numpy as np

from jvlgs_jax.data.layouts import load_scenes
from jvlgs_jax.data.planes import luma
from jvlgs_jax.simulation.clip import simulate_clip
from jvlgs_jax.simulation.presets import PRESET_NAMES, preset

TILE = 480, 360  # width and height
COLUMNS = 3


class Frame(NamedTuple):
    """One frame with gas, (h, w) uint8, and where it is from."""

    source: str
    picture: np.ndarray


def real_frames(folder: Path, generator: np.random.Generator) -> Iterator[Frame]:
    """Draws a frame with gas of every video that has one."""
    for scene in load_scenes(folder):
        leaking = np.flatnonzero(scene.has_leak)
        if leaking.size:
            number = int(generator.choice(leaking))
            frame = np.round(luma(np.asarray(scene.frames[number]))).astype(np.uint8)
            yield Frame(f"{scene.name}, frame {number}", frame)


def simulated_frames(names: list[str], generator: np.random.Generator) -> Iterator[Frame]:
    """Draws a frame with gas of new clips of the presets, in turn and without end."""
    families = [dataclasses.replace(preset(name), seed=int(generator.integers(1, 2**31))) for name in names]
    index = 0
    while True:
        for name, family in zip(names, families, strict=True):
            clip = jax.device_get(simulate_clip(family, index))
            leaking = np.flatnonzero((clip.mask == 1).any((1, 2)))
            if leaking.size:
                number = int(generator.choice(leaking))
                place = f"{name}, seed {family.seed}, clip {index}, frame {number}"
                yield Frame(place, clip.frames[number])
        index += 1


def draw(frames: list[Frame]) -> np.ndarray:
    """Returns the sheet, (h, w) uint8, of numbered frames."""
    tiles = []
    for number, frame in enumerate(frames, start=1):
        tile = cv2.resize(frame.picture, TILE, interpolation=cv2.INTER_AREA)
        cv2.rectangle(tile, (0, 0), (40, 26), 0, -1)
        cv2.putText(tile, str(number), (4, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 255, 2)
        tiles.append(tile)
    while len(tiles) % COLUMNS:
        tiles.append(np.zeros_like(tiles[0]))
    return np.vstack([np.hstack(tiles[row : row + COLUMNS]) for row in range(0, len(tiles), COLUMNS)])


def main() -> None:
    """Writes the sheet and its key."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, required=True, help="folder of a labelled dataset")
    parser.add_argument("--presets", nargs="+", choices=PRESET_NAMES, default=["simgas_like", "warm_plumes"])
    parser.add_argument("--output", type=Path, default=Path("sheet.png"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    generator = np.random.default_rng(args.seed)
    real = list(real_frames(args.real, generator))
    frames = real + list(islice(simulated_frames(args.presets, generator), len(real)))
    shuffled = [frames[place] for place in generator.permutation(len(frames))]
    if not cv2.imwrite(str(args.output), draw(shuffled)):
        raise SystemExit(f"{args.output}: could not be written: is its folder there?")
    key = {str(number): frame.source for number, frame in enumerate(shuffled, start=1)}
    args.output.with_name(f"{args.output.stem}_key.json").write_text(json.dumps(key, indent=2) + "\n")


if __name__ == "__main__":
    main()
