"""A network that needs no compiling, which other tests run, so that these show what `jvlgs predict` does around it."""

import csv
import json

import cv2
import numpy as np

from jvlgs_jax.cli import model_choice
from jvlgs_jax.cli.main import main
from jvlgs_jax.inference import provenance, segmenter
from jvlgs_jax.inference.postprocess import mask_rule
from jvlgs_jax.inference.segmenter import Segmenter
from jvlgs_jax.inference.video_writer import video_writer

QUICK = ("--alarm", "window_s=0.2")  # 2 of 3 frames


class Bundle(str):
    """What the network is told to be: a name, and what it sees."""

    planes = "rgb"


class Brightness(Segmenter):
    """The brighter, the likelier gas: from 0.1 for black to 0.9 for white."""

    def __init__(self, bundle, clip_length):
        assert (bundle, clip_length) == ("bundle", 8)

    def probabilities(self, frames, *, memory, **more):
        for frame in frames:
            memory.answered += 1
            yield np.float32(0.1) + frame[..., 0] * np.float32(0.8 / 255)


def replace_network(monkeypatch):
    """Lets every verb find it in place of a model."""
    monkeypatch.setattr(
        model_choice, "choose_model", lambda args: (Bundle("bundle"), mask_rule(args.rule or "confidence_gate"))
    )
    monkeypatch.setattr(segmenter, "Segmenter", Brightness)
    monkeypatch.setattr(provenance, "describe_model", lambda name, bundle: {"name": name, "bundle": bundle})


def white_square(path, number=3):
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[8:32, 8:40] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    with video_writer(path, 15.0) as write:
        for _ in range(number):
            write(frame)
    return path


def black_images(folder, number=2):
    folder.mkdir(parents=True)
    for index in range(number):
        cv2.imwrite(str(folder / f"{index}.png"), np.zeros((48, 64), np.uint8))
    return folder


def predict(path, output, *more):
    return main(["predict", str(path), "--checkpoint", "model", "--output", str(output), *more])


def gas(output):
    """Which frames have something in their masks."""
    with (output / "frames.csv").open(newline="") as file:
        return [str(int(int(row["area_px"]) > 0)) for row in csv.DictReader(file)]


def events(output):
    return json.loads((output / "events.json").read_text())
