"""A training for TensorBoard: numbers, pictures and the config."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from tensorboardX import SummaryWriter
from tensorboardX.proto.summary_pb2 import Summary  # pyrefly: ignore[missing-module-attribute]  # protobuf makes it at import

TENSORBOARD = "tensorboard"


class TensorBoard:
    """Event files in the folder `tensorboard` of a training's workdir."""

    def __init__(self, workdir: Path, start: int) -> None:
        """Opens new files at step `start`; TensorBoard hides what an earlier run wrote from there on."""
        self._writer = SummaryWriter(str(workdir / TENSORBOARD), purge_step=start)

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """Adds the numbers of a step, each to its curve."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)

    def write_picture(self, step: int, name: str, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
        """Adds an RGB picture."""
        height, width, _ = pixels.shape
        png = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
        # Not the writer's add_image, which needs Pillow.
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png)
        assert self._writer.file_writer is not None
        self._writer.file_writer.add_summary(Summary(value=[Summary.Value(tag=name, image=image)]), step)

    def write_text(self, step: int, name: str, text: str) -> None:
        """Adds a text, shown as it is."""
        self._writer.add_text(name, f"```\n{text}\n```", step)

    def close(self) -> None:
        """Closes the files."""
        self._writer.close()
