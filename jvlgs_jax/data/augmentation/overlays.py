"""What a camera or recorder writes over the picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from jvlgs_jax.data.clips import ClipSample

_SIGNS = "0123456789:.-/ ACEFHILMNTW%"
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX)


@dataclass(frozen=True, kw_only=True)
class OnScreenText:
    """Writes a few lines over the picture, bright or dark, with or without a box behind.

    They stand still, so that all planes show them alike. The masks stay: gas under a line is still there.

    Attributes:
        probability: of a clip to have any.
        lines: the most there are.
    """

    probability: float
    lines: int

    def __call__(self, sample: ClipSample, rng: np.random.Generator) -> ClipSample:
        """Draws texts, sizes, places and levels anew for the clip."""
        if rng.random() >= self.probability:
            return sample
        planes = sample.planes.copy()
        for _ in range(rng.integers(1, self.lines + 1)):
            _write_line(planes, rng)
        return sample._replace(planes=planes)


def _write_line(planes: np.ndarray, rng: np.random.Generator) -> None:
    height, width = planes.shape[1:3]
    text = "".join(_SIGNS[i] for i in rng.integers(len(_SIGNS), size=rng.integers(3, 20)))
    font, thickness = _FONTS[rng.integers(len(_FONTS))], int(rng.integers(1, 3))
    scale = cv2.getFontScaleFromHeight(font, max(int(height * rng.uniform(0.03, 0.07)), 5), thickness)
    (text_width, text_height), below = cv2.getTextSize(text, font, scale, thickness)
    margin = thickness + 2
    box = np.zeros((text_height + below + 2 * margin, text_width + 2 * margin), np.uint8)
    cv2.putText(box, text, (margin, margin + text_height), font, scale, 255, thickness, cv2.LINE_AA)
    top = int(rng.integers(max(height - box.shape[0], 0) + 1))
    left = int(rng.integers(max(width - box.shape[1], 0) + 1))
    region = planes[:, top : top + box.shape[0], left : left + box.shape[1]]  # cut off at the picture's edge
    glyphs = box[: region.shape[1], : region.shape[2], None].astype(np.float32) / 255
    level = np.float32(rng.uniform(200, 255) if rng.random() < 0.5 else rng.uniform(0, 40))
    if rng.random() < 0.5:
        region[...] = 255 - level
    region += glyphs * (level - region)
