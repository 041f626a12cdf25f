"""The K-curve as a picture: SVG, drawn without any library."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 170, 20, 50
_COLORS = ("#1b6ca8", "#d1495b", "#2e933c", "#8d6a9f", "#e08e45", "#3a506b", "#777777")


class PlotPoint(NamedTuple):
    """One K of a curve: the mean and its interval, nan where there is none."""

    shots: int
    mean: float
    low: float
    high: float


def draw_k_curve(curves: Mapping[str, Sequence[PlotPoint]], label: str) -> str:
    """Returns an SVG picture of the curves, one line a name; `label` is what the vertical axis shows, 0 to 1."""
    ticks = sorted({point.shots for points in curves.values() for point in points})
    places = {shots: _LEFT + (WIDTH - _LEFT - _RIGHT) * k / max(len(ticks) - 1, 1) for k, shots in enumerate(ticks)}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        *_axes(places, label),
    ]
    shift = 5.0  # pixels between the intervals of two curves
    for number, (name, points) in enumerate(curves.items()):
        color = _COLORS[number % len(_COLORS)]
        offset = shift * (number - (len(curves) - 1) / 2)
        parts += _curve([(places[point.shots] + offset, point) for point in points], color)
        row = _TOP + 15 + 18 * number
        parts.append(f'<rect x="{WIDTH - _RIGHT + 20}" y="{row - 9}" width="10" height="10" fill="{color}"/>')
        parts.append(f'<text x="{WIDTH - _RIGHT + 36}" y="{row}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _height(value: float) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * min(max(value, 0.0), 1.0)


def _axes(places: Mapping[int, float], label: str) -> list[str]:
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    parts = []
    for tenth in range(0, 11, 2):
        y = _height(tenth / 10)
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>')
    for shots, x in places.items():
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{shots}</text>')
    middle = (_LEFT + right) / 2
    parts.append(f'<text x="{middle:.1f}" y="{bottom + 38}" text-anchor="middle">annotated frames with gas, K</text>')
    parts.append(
        f'<text x="16" y="{HEIGHT / 2:.0f}" text-anchor="middle" transform="rotate(-90 16 {HEIGHT / 2:.0f})">'
        f"{escape(label)}</text>"
    )
    return parts


def _curve(points: Sequence[tuple[float, PlotPoint]], color: str) -> list[str]:
    path = " ".join(f"{x:.1f},{_height(point.mean):.1f}" for x, point in points)
    parts = [f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5"/>']
    for x, point in points:
        if not isnan(point.low):
            parts.append(
                f'<line x1="{x:.1f}" y1="{_height(point.low):.1f}" x2="{x:.1f}" y2="{_height(point.high):.1f}" '
                f'stroke="{color}"/>'
            )
        parts.append(f'<circle cx="{x:.1f}" cy="{_height(point.mean):.1f}" r="3.5" fill="{color}"/>')
    return parts
