from pathlib import Path

import cv2
import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event

from jvlgs_jax.training.tensorboard import TENSORBOARD, TensorBoard


def events(workdir: Path) -> list[Event]:
    """All events of a folder; a record is its length (8 bytes), a checksum (4), the event, a checksum (4)."""
    found = []
    for path in sorted((workdir / TENSORBOARD).iterdir()):
        data = path.read_bytes()
        while data:
            length = int.from_bytes(data[:8], "little")
            found.append(Event.FromString(data[12 : 12 + length]))
            data = data[16 + length :]
    return found


def test_numbers_pictures_and_text_can_be_read_back(tmp_path: Path):
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[..., 0] = 200  # red
    board = TensorBoard(tmp_path, 3)
    board.write(3, {"loss": 0.5})
    board.write_picture(4, "test/a/7", pixels)
    board.write_text(3, "about", '{"steps": 8}')
    board.close()
    values = {value.tag: (event.step, value) for event in events(tmp_path) for value in event.summary.value}
    step, loss = values["loss"]
    assert (step, loss.simple_value) == (3, pytest.approx(0.5))
    step, picture = values["test/a/7"]
    assert (step, picture.image.height, picture.image.width) == (4, 4, 6)
    decoded = cv2.imdecode(np.frombuffer(picture.image.encoded_image_string, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decoded[..., ::-1], pixels)
    (text,) = (value for tag, (_, value) in values.items() if tag.startswith("about"))
    assert '{"steps": 8}' in text.tensor.string_val[0].decode()
