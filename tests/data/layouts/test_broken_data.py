"""Every kind of broken data that the layouts know, and the one line that it gets."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from jvlgs_jax.data.layouts import load_scenes
from jvlgs_jax.errors import UserError

SIZE = (48, 64)
CLIP = np.random.default_rng(0).integers(0, 256, (12, *SIZE), dtype=np.uint8)
SQUARE = np.zeros((8, 12), np.uint8)
SQUARE[2:5, 3:9] = 1


class Tools(NamedTuple):
    root: Path
    video: Callable
    image: Callable
    palette: Callable


@pytest.fixture
def tools(tmp_path, write_video, write_image, write_palette_png):
    return Tools(tmp_path / "data", write_video, write_image, write_palette_png)


def simgas(tools: Tools) -> Path:
    tools.root.mkdir()
    for prefix in ("simgasvid", "smoke_only"):
        tools.video(tools.root / f"{prefix}7.mp4", CLIP)
    return tools.root


def folders(tools: Tools) -> Path:
    for number in range(4):
        tools.image(tools.root / "well" / "images" / f"{number}.png", 10 * number)
        tools.image(tools.root / "well" / "masks" / f"{number}.png", 255 * SQUARE)
    return tools.root / "well"


def igs(tools: Tools) -> Path:
    for number in range(4):
        tools.image(tools.root / "img_dir" / "train" / f"{number}.png", 10 * number)
        tools.image(tools.root / "ann_dir" / "train" / f"{number}.png", SQUARE)
    return tools.root / "ann_dir" / "train"


def cgd(tools: Tools) -> Path:
    tools.image(tools.root / "images" / "5" / "bg.png", 40)
    tools.image(tools.root / "images" / "5" / "gas.png", 50)
    tools.image(tools.root / "labels" / "5" / "gt.png", 255 * SQUARE)
    return tools.root


def gas_db(tools: Tools) -> Path:
    for number in (1, 2):
        tools.image(tools.root / "images" / f"{number}.png", np.full((8, 12, 4), 10 * number, np.uint8))
        tools.image(tools.root / "labels" / f"{number}.png", SQUARE)
    (tools.root / "train.txt").write_text("1\n")
    (tools.root / "test.txt").write_text("2\n")
    return tools.root


def gas_folder(tools: Tools) -> Path:
    tools.root.mkdir()
    tools.video(tools.root / "pump.mp4", CLIP)
    for number in range(12):
        tools.image(tools.root / "masks" / "pump" / f"{number}.png", 0, size=SIZE)
    return tools.root


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def deep(path: Path, value: int, channels: tuple[int, ...] = ()) -> None:
    image = np.full((8, 12, *channels), value, np.uint16)
    image[0, 0] = np.arange(*channels) if channels else value
    assert cv2.imwrite(str(path), image)


def palette_cut_short(tools: Tools) -> None:
    path = tools.palette(igs(tools) / "1.png", SQUARE)
    path.write_bytes(path.read_bytes()[:60])


def float_image(tools: Tools) -> None:
    assert cv2.imwrite(str(folders(tools) / "images" / "9.tiff"), np.full((8, 12, 3), 5000, np.float32))
    tools.image(tools.root / "well" / "masks" / "9.png", 0)


def smoothed(tools: Tools) -> None:
    masks = igs(tools)
    for number, level in enumerate((255, 255, 255, 90)):
        tools.image(masks / f"{number}.png", level * SQUARE)


TABLE = {
    "no folder": (lambda t: None, "no such folder: give the folder that holds the dataset"),
    "nothing known in the folder": (lambda t: t.root.mkdir(), "no known dataset layout: the folder should hold"),
    # videos
    "truth video missing": (
        lambda t: (simgas(t) / "smoke_only7.mp4").unlink(),
        "simgasvid7.mp4: its truth smoke_only7.mp4 is missing",
    ),
    "truth video shorter": (
        lambda t: t.video(simgas(t) / "smoke_only7.mp4", CLIP[:9]),
        "smoke_only7.mp4: 9 frames, its video has 12: export both at one length",
    ),
    "truth video longer": (
        lambda t: t.video(simgas(t) / "simgasvid7.mp4", CLIP[:9]),
        "smoke_only7.mp4: 12 frames, its video has 9",
    ),
    "truth video of another size": (
        lambda t: t.video(simgas(t) / "smoke_only7.mp4", CLIP[:, :24]),
        "smoke_only7.mp4: 64x24 pixels, its image has 64x48: export both at one size",
    ),
    "video cut short": (lambda t: cut(simgas(t) / "simgasvid7.mp4"), "simgasvid7.mp4: not a readable video"),
    "truth video cut short": (lambda t: cut(simgas(t) / "smoke_only7.mp4"), "smoke_only7.mp4: not a readable video"),
    "video empty": (lambda t: write(simgas(t) / "simgasvid7.mp4", b""), "simgasvid7.mp4: not a readable video"),
    "video is text": (lambda t: write(simgas(t) / "simgasvid7.mp4", b"words " * 99), "simgasvid7.mp4: not a readable"),
    # folders of images and masks
    "no image in a scene": (
        lambda t: [path.unlink() for path in (folders(t) / "images").iterdir()],
        "well/images: no image in this folder: add the scene's frames, or remove it",
    ),
    "mask missing": (
        lambda t: (folders(t) / "masks" / "2.png").unlink(),
        "well/images/2.png: its mask masks/2.png is missing: add it, or remove the image",
    ),
    "mask without image": (
        lambda t: (folders(t) / "images" / "2.png").unlink(),
        "well/masks/2.png: no image of this name: 3 images, 4 masks",
    ),
    "mask of another size": (
        lambda t: t.image(folders(t) / "masks" / "2.png", 0, size=(4, 12)),
        "well/masks/2.png: 12x4 pixels, its image has 12x8: export both at one size",
    ),
    "image is text": (lambda t: write(folders(t) / "images" / "2.png", b"words"), "2.png: not a readable image"),
    "image empty": (lambda t: write(folders(t) / "images" / "2.png", b""), "2.png: not a readable image"),
    "image of float pixels": (float_image, "9.tiff: values from 5000 to 5000, temperatures lie"),
    "mask is text": (lambda t: write(folders(t) / "masks" / "2.png", b"words"), "masks/2.png: not a readable image"),
    "frames of two sizes": (
        lambda t: t.image(folders(t) / "images" / "2.png", 20, size=(8, 10)),
        "well/images: a frame of 10x8 follows frames of 12x8: convert the video to one size",
    ),
    "frames of two depths": (
        lambda t: deep(folders(t) / "images" / "2.png", 4000),
        "well/images: a frame of 16 bits follows frames of 8 bits",
    ),
    "16-bit colours": (
        lambda t: deep(folders(t) / "images" / "0.png", 4000, (3,)),
        "0.png: 16-bit colours, frames of 16 bits are grey: export one channel",
    ),
    "mask of 16 bits": (
        lambda t: deep(folders(t) / "masks" / "2.png", 4000),
        "2.png: uint16 pixels, the limit is 8 bits",
    ),
    "a mask of classes among grey ones": (
        lambda t: t.image(folders(t) / "masks" / "2.png", SQUARE),
        "2.png: holds class indices 0 and 1, most masks beside it hold 0 and 255: export all in one encoding",
    ),
    "a palette among grey masks": (
        lambda t: t.palette(folders(t) / "masks" / "2.png", SQUARE),
        "2.png: holds class indices 0 and 1, most masks beside it hold 0 and 255",
    ),
    # splits
    "splits without scenes": (
        lambda t: (t.root / "train" / "well").mkdir(parents=True),
        "no known dataset layout",
    ),
    # single images
    "a grey mask among classes": (
        lambda t: t.image(igs(t) / "2.png", 255 * SQUARE),
        "2.png: holds 0 and 255, most masks beside it hold class indices 0 and 1",
    ),
    "a grey level among classes": (
        lambda t: t.image(igs(t) / "2.png", 90 * SQUARE),
        "2.png: class 90, the classes are 0 (no gas), 1 (gas) and 255 (ignore)",
    ),
    "smoothed masks where binary is due": (
        smoothed,
        "3.png: grey level 90, masks here hold 0 and 255, or classes 0 and 1: export the mask without smoothing",
    ),
    "image of a mask missing": (
        lambda t: (igs(t).parents[1] / "img_dir" / "train" / "2.png").unlink(),
        "img_dir/train/2.png: no such image: add it, or remove its scene",
    ),
    "mask of an image missing": (
        lambda t: (igs(t) / "2.png").unlink(),
        "img_dir/train/2.png: its mask {root}/ann_dir/train/2.png is missing",
    ),
    "palette cut short": (palette_cut_short, "1.png: not a readable image"),
    # pairs
    "background missing": (lambda t: (cgd(t) / "images/5/bg.png").unlink(), "5/bg.png: no such image"),
    "label missing": (
        lambda t: (cgd(t) / "labels/5/gt.png").unlink(),
        "5/gas.png: its mask 5/gt.png is missing",
    ),
    # lists
    "listed image missing": (
        lambda t: (gas_db(t) / "train.txt").write_text("1 3"),
        "images/3.png: no such image",
    ),
    "in two lists": (
        lambda t: (gas_db(t) / "test.txt").write_text("1"),
        "test.txt: 1 is also in train.txt: keep it in one split",
    ),
    "empty list": (lambda t: (gas_db(t) / "test.txt").write_text(""), "test.txt: no name in this list"),
    "colours without a thermal channel": (
        lambda t: t.image(gas_db(t) / "images/1.png", np.full((8, 12, 3), (10, 90, 200), np.uint8)),
        "images/1.png: 3 channels, thermal is the fourth of 4",
    ),
    # anyone's own
    "more masks than frames": (
        lambda t: t.image(gas_folder(t) / "masks/pump/12.png", 0, size=SIZE),
        "masks/pump: 13 frames, its video has 12",
    ),
    "an image beside videos": (
        lambda t: t.image(gas_folder(t) / "thumb.jpg", 90),
        "data: holds images (thumb.jpg, ...) beside pump.mp4: the images alone would be one scene: move one kind",
    ),
    "an image beside folders of images": (
        lambda t: (t.image(t.root / "tank" / "1.png", 90), t.image(t.root / "thumb.png", 90)),
        "data: holds images (thumb.png, ...) beside tank: the images alone would be one scene",
    ),
    "two scenes of one name": (
        lambda t: t.image(gas_folder(t) / "pump" / "1.png", 0),
        "another scene is also called pump: rename one",
    ),
}


@pytest.mark.parametrize("kind", TABLE)
def test_broken_data_gets_one_line_that_names_it(kind, tools):
    spoil, message = TABLE[kind]
    spoil(tools)
    with pytest.raises(UserError, match=re.escape(message.format(root=tools.root))) as raised:
        load_scenes(tools.root)
    assert "\n" not in str(raised.value)
    assert str(tools.root) in str(raised.value)


@pytest.mark.parametrize("healthy", [simgas, folders, igs, cgd, gas_db, gas_folder])
def test_the_same_data_unbroken_is_read(healthy, tools):
    healthy(tools)
    assert load_scenes(tools.root)


def test_the_table_holds_distinct_kinds():
    assert len({message for _, message in TABLE.values()}) >= 25
