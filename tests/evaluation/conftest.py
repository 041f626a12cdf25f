import cv2
import numpy as np
import pytest


class Brightness:
    """A segmenter that calls bright pixels gas, and keeps how many frames it has seen."""

    def __init__(self):
        self.frames = 0

    def probabilities(self, frames):
        for frame in frames:
            self.frames += 1
            yield (frame[..., 0] > 140).astype(np.float32)


@pytest.fixture
def brightness():
    return Brightness()


def write_dataset(root, videos):
    """Writes videos in the JVLGS layout; a video is a string with "g" for a frame with gas and "." for one without."""
    for name, frames in videos.items():
        for kind in ("images", "masks"):
            (root / name / kind).mkdir(parents=True)
        for index, kind in enumerate(frames):
            mask = np.zeros((32, 48), np.uint8)
            mask[8:24, 10:30] = 255 * (kind == "g")
            cv2.imwrite(str(root / name / "images" / f"{index:03d}.png"), 100 + mask // 3)
            cv2.imwrite(str(root / name / "masks" / f"{index:03d}.png"), mask)
    return root


@pytest.fixture
def suite(tmp_path):
    """Two datasets, and a third that is damaged."""
    root = tmp_path / "suite"
    write_dataset(root / "one", {"yard": "..gg", "tank": "...."})
    write_dataset(root / "two", {"yard": ".ggg"})
    write_dataset(root / "worn", {"hall": "..gg"})
    (root / "worn" / "hall" / "images" / "002.png").write_bytes(b"cut")
    return root
