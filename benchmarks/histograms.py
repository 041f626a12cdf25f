"""Histograms of a few sets of measurements beside each other, drawn with OpenCV: no plotting library is needed."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8

_SIZE = (300, 560)  # height and width of one measure's histogram, pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 24, 16, 40, 36  # margins around its axes
_BINS = 24
_COLOURS = ((176, 96, 16), (16, 112, 232), (64, 144, 48))  # blue, orange, green as OpenCV orders them
_INK = (48, 48, 48)


def draw_histograms(sets: Mapping[str, Float[np.ndarray, "n k"]], titles: Sequence[str]) -> UInt8[np.ndarray, "h w 3"]:
    """Draws k measures, two a row, on logarithmic axes; each set's bars add up to its frames, whatever their number.

    A dashed line marks each set's median. The axis spans all but the outermost per
    cent of the values, which the first and the last bar hold.
    """
    columns = [[measures[:, number] for measures in sets.values()] for number in range(len(titles))]
    pictures = [_histogram(values, title) for values, title in zip(columns, titles, strict=True)]
    if len(pictures) % 2:
        pictures.append(np.full_like(pictures[0], 255))
    rows = [np.hstack(pictures[start : start + 2]) for start in range(0, len(pictures), 2)]
    return np.vstack([*rows, _legend(list(sets), rows[0].shape[1])])


def _histogram(sets: Sequence[Float[np.ndarray, " n"]], title: str) -> UInt8[np.ndarray, "h w 3"]:
    picture = np.full((*_SIZE, 3), 255, np.uint8)
    low, high = np.percentile(np.concatenate(sets), (1, 99))
    edges = np.geomspace(max(low, 1e-3), high, _BINS + 1)
    shares = [np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0] / len(values) for values in sets]
    width, height = _SIZE[1] - _LEFT - _RIGHT, _SIZE[0] - _TOP - _BOTTOM
    base, top = _TOP + height, max(share.max() for share in shares)

    def across(value: float) -> int:
        return _LEFT + round(float(width * np.log(value / edges[0]) / np.log(edges[-1] / edges[0])))

    for share, colour in zip(shares, _COLOURS, strict=False):
        heights = base - np.rint(height * share / top).astype(int)
        places = [across(edge) for edge in edges]
        outline = [(x, y) for y, x0, x1 in zip(heights, places, places[1:], strict=False) for x in (x0, x1)]
        outline = np.array([(places[0], base), *outline, (places[-1], base)], np.int32)
        filled = cv2.fillPoly(picture.copy(), [outline], colour)
        picture = cv2.addWeighted(filled, 0.25, picture, 0.75, 0)
        cv2.polylines(picture, [outline], False, colour, 2)
    for values, colour in zip(sets, _COLOURS, strict=False):
        for y in range(_TOP, base, 12):
            cv2.line(picture, (across(np.median(values)), y), (across(np.median(values)), y + 5), colour, 2)
    cv2.line(picture, (_LEFT, base), (_LEFT + width, base), _INK, 1)
    _write(picture, title, (_LEFT, 24), 0.55)
    for tick in _ticks(edges[0], edges[-1]):
        cv2.line(picture, (across(tick), base), (across(tick), base + 5), _INK, 1)
        _write(picture, f"{tick:g}", (across(tick) - 4 * len(f"{tick:g}"), base + 22), 0.45)
    return picture


def _ticks(low: float, high: float) -> list[float]:
    steps = [step * 10.0**power for power in range(-3, 5) for step in (1, 2, 5)]
    return [float(f"{step:g}") for step in steps if low <= step <= high]


def _legend(names: Sequence[str], width: int) -> UInt8[np.ndarray, "h w 3"]:
    picture = np.full((36, width, 3), 255, np.uint8)
    for number, (name, colour) in enumerate(zip(names, _COLOURS, strict=False)):
        left = _LEFT + number * 300
        cv2.rectangle(picture, (left, 10), (left + 18, 24), colour, -1)
        _write(picture, name, (left + 26, 23), 0.5)
    return picture


def _write(picture: UInt8[np.ndarray, "h w 3"], text: str, place: tuple[int, int], scale: float) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, _INK, 1, cv2.LINE_AA)
