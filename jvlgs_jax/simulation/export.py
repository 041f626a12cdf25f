"""Simulated clips on disk: scenes in the layout of the published program, with all the truth beside them.

<folder>/<scene>/images/00000.png   frames
<folder>/<scene>/masks/00000.png    255 gas, 0 clear or gas that no one could see, which the layout cannot tell apart
<folder>/<scene>/truth.npz          optical_depth, contrast, mask, steam, leaking, visibility, source
<folder>/captions.jsonl             one line a scene: its name, caption, seed and index
"""

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import jax
import numpy as np

from jvlgs_jax.errors import UserError
from jvlgs_jax.simulation.captions import caption
from jvlgs_jax.simulation.clip import SimulatedClip, simulate_clip
from jvlgs_jax.simulation.config import SimulationConfig
from jvlgs_jax.simulation.truth import GAS_PIXEL

CAPTIONS = "captions.jsonl"
_GAS_LEVEL = 255


def write_clips(config: SimulationConfig, count: int, folder: Path, *, prefix: str) -> Iterator[Path]:
    """Writes clips 0 to count - 1 and yields the folder of each; what is there already is kept.

    UserError if `folder` holds clips of another config under the same names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = json.loads(json.dumps(dataclasses.asdict(config)))
    lines = _captions(folder)
    for index in range(count):
        scene = folder / f"{prefix}_{index:06d}"
        record_path = scene / "scene.json"
        if record_path.exists():
            record = json.loads(record_path.read_text())
            if record["config"] != settings:
                raise UserError(f"{scene}: made with another config: choose an empty --output")
        else:
            clip = jax.device_get(simulate_clip(config, index))
            record = {
                "scene": scene.name,
                "caption": caption(clip),
                "seed": config.seed,
                "index": index,
                "config": settings,
            }
            _write_scene(clip, scene, record)
        lines[scene.name] = json.dumps({key: value for key, value in record.items() if key != "config"})
        yield scene
    partial = folder / f".partial-{CAPTIONS}"
    partial.write_text("\n".join(lines.values()) + "\n")
    partial.replace(folder / CAPTIONS)


def _captions(folder: Path) -> dict[str, str]:
    """The lines of an earlier run, of another preset perhaps, by scene."""
    path = folder / CAPTIONS
    lines = path.read_text().splitlines() if path.exists() else []
    return {json.loads(line)["scene"]: line for line in lines}


def _write_scene(clip: SimulatedClip, scene: Path, record: dict[str, object]) -> None:
    partial = scene.with_name(f".partial-{scene.name}")
    shutil.rmtree(partial, ignore_errors=True)
    masks = np.where(np.asarray(clip.mask) == GAS_PIXEL, _GAS_LEVEL, 0).astype(np.uint8)
    for name, images in (("images", clip.frames), ("masks", masks)):
        (partial / name).mkdir(parents=True)
        for number, image in enumerate(np.asarray(images)):
            cv2.imwrite(str(partial / name / f"{number:05d}.png"), image)
    np.savez_compressed(
        partial / "truth.npz",
        optical_depth=clip.optical_depth,
        contrast=clip.contrast,
        mask=clip.mask,
        steam=clip.steam,
        leaking=clip.leaking,
        visibility=clip.visibility,
        source=clip.source,
    )
    (partial / "scene.json").write_text(json.dumps(record, indent=1))
    partial.replace(scene)
