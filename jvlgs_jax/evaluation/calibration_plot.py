"""Calibrations as pictures: SVG, which any browser shows."""

from collections.abc import Sequence
from html import escape
from math import log10

from jvlgs_jax.evaluation.leak_free import LeakFreeCalibration
from jvlgs_jax.evaluation.reliability import Reliability

WIDTH, HEIGHT, MARGIN = 560, 400, 60
LIMITS_SHOWN = 10  # rates above so many times the limit are cut off: those of gates that are always in alarm are huge
_Point = tuple[float, float]  # in shares of the plot's width and height, from its bottom left


def draw_reliability(found: Reliability) -> str:
    """Returns observed over predicted; on the diagonal, probabilities mean what they say. Larger dots: more pixels."""
    total = found.pixels.sum()
    dots = [
        _dot((predicted, observed), 2 + 3 * max(0.0, 6 + log10(pixels / total)) / 2)
        for pixels, predicted, observed in zip(*found, strict=True)
        if pixels
    ]
    ticks = [(value / 5, f"{value / 5:g}") for value in range(6)]
    return _plot(
        f"Reliability (calibration error {found.calibration_error:.3f})",
        ("predicted probability of gas", "share of pixels that is gas"),
        (ticks, ticks),
        [_line([(0.0, 0.0), (1.0, 1.0)], "grey", dashed=True), *dots],
    )


def draw_false_alarms(found: LeakFreeCalibration) -> str:
    """Returns the rate of false alarms over the threshold: as counted, and its upper bound; dashed, the limit.

    Rates are an hour in which the gate could raise an alarm; above ten times the limit they are cut off.
    """
    largest = max([*(trial.bound for trial in found.trials), found.limit.per_hour])
    top = min(largest, LIMITS_SHOWN * found.limit.per_hour) * 1.05
    limit = found.limit.per_hour / top
    counted = [(trial.gate.high, min(trial.rate / top, 1.0)) for trial in found.trials]
    bounds = [(trial.gate.high, min(trial.bound / top, 1.0)) for trial in found.trials]
    return _plot(
        f"False alarms; chosen: {found.chosen.gate.high:g}, with {found.chosen.alarms} in {found.chosen.hours:.2f} h "
        "without a leak",
        ("threshold (high)", f"false alarms an hour; dark: bound at {found.limit.confidence:.0%}"),
        ([(value / 5, f"{value / 5:g}") for value in range(6)], [(n / 4, f"{top * n / 4:.3g}") for n in range(5)]),
        [
            _line([(0.0, limit), (1.0, limit)], "grey", dashed=True),
            _line(counted, "darkorange"),
            _line(bounds, "navy"),
            _dot((found.chosen.gate.high, found.chosen.bound / top), 5.0),
        ],
    )


def _plot(
    title: str,
    axes: tuple[str, str],
    ticks: tuple[Sequence[tuple[float, str]], Sequence[tuple[float, str]]],
    marks: list[str],
) -> str:
    (left, bottom), (right, top) = _place((0.0, 0.0)), _place((1.0, 1.0))
    labels = [_text((_place((share, 0.0))[0], bottom + 18), word, "middle") for share, word in ticks[0]]
    labels += [_text((left - 8, _place((0.0, share))[1] + 4), word, "end") for share, word in ticks[1]]
    labels += [
        _text((WIDTH / 2, MARGIN / 2), title, "middle"),
        _text((WIDTH / 2, HEIGHT - 14.0), axes[0], "middle"),
        f'<g transform="translate(16 {HEIGHT / 2}) rotate(-90)">{_text((0.0, 0.0), axes[1], "middle")}</g>',
    ]
    frame = f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" fill="none" stroke="black"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
    paper = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", paper, frame, *marks, *labels, "</svg>\n"])


def _place(point: _Point) -> _Point:
    x, y = point
    return MARGIN + x * (WIDTH - 2 * MARGIN), HEIGHT - MARGIN - y * (HEIGHT - 2 * MARGIN)


def _line(points: Sequence[_Point], colour: str, *, dashed: bool = False) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(_place, points))
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'


def _dot(point: _Point, radius: float) -> str:
    x, y = _place(point)
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="navy"/>'


def _text(place: _Point, words: str, anchor: str) -> str:
    x, y = place
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-family="sans-serif" font-size="13" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )
