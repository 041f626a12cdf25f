"""A frame as a person wants to check it: the probabilities as heat, the mask's outline and a line of numbers."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from jvlgs_jax.inference.frame_table import FrameRow

Color = tuple[int, int, int]

_OUTLINE: Color = (0, 255, 255)
_BORDER: Color = (150, 150, 150)
_TEXT: Color = (255, 255, 255)
_QUIET: Color = (40, 40, 40)
_GAS: Color = (120, 80, 0)
_ALARM: Color = (170, 20, 20)
_MOVING: Color = (30, 45, 120)
_HEAT_OPACITY = 0.6  # where the probability is 1
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_BAR_SHARE = 1 / 24  # bar height over picture width: the line of numbers then fills about the width
_BAR_MINIMUM = 16


def draw_overlay(
    frame: UInt8[np.ndarray, "h w c"],
    probability: Float32[np.ndarray, "h w"],
    mask: UInt8[np.ndarray, "h w"],
    row: FrameRow,
    watched: Bool[np.ndarray, "h w"] | None = None,
) -> UInt8[np.ndarray, "h_and_bar w 3"]:
    """Returns the grey or RGB frame under translucent heat and the mask's outline, and below it the status bar.

    The bar is red while an alarm is on, blue while the camera moves, brown in another frame with something in its mask,
    and else dark. It covers none of the picture. Where not all of it is `watched`, a grey line surrounds what is.
    """
    color = frame if frame.shape[-1] == 3 else cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB)
    picture = _blend_heat(color, probability)
    if watched is not None:
        borders, _ = cv2.findContours(watched.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, borders, -1, _BORDER, 1)
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, _OUTLINE, 1)
    return np.concatenate([picture, _status_bar(row, picture.shape[1])])


def _blend_heat(
    color: UInt8[np.ndarray, "h w 3"], probability: Float32[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w 3"]:
    levels = np.rint(probability * 255).astype(np.uint8)
    heat = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_HOT), cv2.COLOR_BGR2RGB)
    opacity = (_HEAT_OPACITY * probability)[..., None]
    return np.rint(color + opacity * (heat.astype(np.float32) - color)).astype(np.uint8)


def _status_bar(row: FrameRow, width: int) -> UInt8[np.ndarray, "bar w 3"]:
    height = max(_BAR_MINIMUM, round(width * _BAR_SHARE))
    bar = np.full((height, width, 3), _bar_color(row), np.uint8)
    found = "camera moves" if row.suspended else f"max p {row.max_probability:.2f}   area {row.area_px} px"
    text = f"frame {row.frame}   {row.time_s:.2f} s   {found}"
    margin = height // 4
    (text_width, text_height), _ = cv2.getTextSize(text, _FONT, 1, 1)
    scale = min((height - 2 * margin) / text_height, max(width - 2 * margin, 1) / text_width)
    cv2.putText(bar, text, (margin, height - margin), _FONT, scale, _TEXT, 1, cv2.LINE_AA)
    return bar


def _bar_color(row: FrameRow) -> Color:
    if row.suspended:
        return _MOVING
    if row.alarm:
        return _ALARM
    return _GAS if row.area_px else _QUIET
