"""A frame as a person wants to check it: the probabilities as heat, the mask's outline and a line of numbers."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from jvlgs_jax.inference.frame_table import FrameRow

Color = tuple[int, int, int]

_OUTLINE: Color = (0, 255, 255)
_TEXT: Color = (255, 255, 255)
_QUIET: Color = (40, 40, 40)
_ALARM: Color = (170, 20, 20)
_HEAT_OPACITY = 0.6  # where the probability is 1
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_BAR_SHARE = 1 / 24  # bar height over picture width: the line of numbers then fills about the width
_BAR_MINIMUM = 16


def draw_overlay(
    frame: UInt8[np.ndarray, "h w c"],
    probability: Float32[np.ndarray, "h w"],
    mask: UInt8[np.ndarray, "h w"],
    row: FrameRow,
) -> UInt8[np.ndarray, "h_and_bar w 3"]:
    """Returns the grey or RGB frame under translucent heat and the mask's outline, and below it the status bar.

    The bar is dark, and red in a frame with an alarm. It covers none of the picture.
    """
    color = frame if frame.shape[-1] == 3 else cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB)
    picture = _blend_heat(color, probability)
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
    bar = np.full((height, width, 3), _ALARM if row.alarm else _QUIET, np.uint8)
    text = f"frame {row.frame}   {row.time_s:.2f} s   max p {row.max_probability:.2f}   area {row.area_px} px"
    margin = height // 4
    (text_width, text_height), _ = cv2.getTextSize(text, _FONT, 1, 1)
    scale = min((height - 2 * margin) / text_height, max(width - 2 * margin, 1) / text_width)
    cv2.putText(bar, text, (margin, height - margin), _FONT, scale, _TEXT, 1, cv2.LINE_AA)
    return bar
