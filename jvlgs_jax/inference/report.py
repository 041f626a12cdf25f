"""report.html: one file that says what was found in a video, for people; it needs no network and no script."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from jvlgs_jax import __version__
from jvlgs_jax.inference.alarms import Ending
from jvlgs_jax.inference.snapshots import Snapshot
from jvlgs_jax.inference.summary import Summary
from jvlgs_jax.inference.timeline import Span, runs

_TEMPLATE = Path(__file__).with_name("report.html.jinja")
_TICKS = 5

_WRITTEN = {
    "sha256": "SHA-256",
    "input_size": "Input height and width, pixels",
    "coarse_size": "Height and width of the coarser look, pixels",
    "window_s": "Window, seconds",
    "refractory_s": "Refractory time, seconds",
    "settle_s": "Settling time, seconds",
}
_ENDINGS = {
    Ending.GAS_GONE: "gas was no longer seen",
    Ending.CAMERA_MOVED: "the camera moved",
    Ending.VIDEO_ENDED: "the video ended",
}


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What the report is made of.

    Attributes:
        title: name of the video.
        frames_per_second: of the video.
        made: when.
        evidence: probability from which gas is evidence of a new alarm.
        summary: of all frames.
        spans: the course of the video, see `timeline.Timeline`.
        snapshots: of alarms, in order.
        about: where the result comes from and how it was made: settings by name, by part.
    """

    title: str
    frames_per_second: float
    made: datetime
    evidence: float
    summary: Summary
    spans: tuple[Span, ...]
    snapshots: Sequence[Snapshot]
    about: Mapping[str, Mapping[str, Any]]


def render_report(found: Findings) -> str:
    """Returns the report as HTML."""
    loader = FileSystemLoader(_TEMPLATE.parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    rate, frames = found.frames_per_second, found.summary.frames
    longest = max((span.frames for span in found.spans), default=1)
    return environment.get_template(_TEMPLATE.name).render(
        version=__version__,
        title=found.title,
        made=found.made.strftime("%Y-%m-%d %H:%M %Z"),
        duration=clock(frames / rate),
        summary=found.summary,
        verdict=verdict(found.summary),
        explanation=_explanation(found),
        plots=_plots(found),
        alarmed=list(runs(found.spans, "alarm")),
        suspended=list(runs(found.spans, "suspended")),
        ticks=[clock(frames / rate * index / (_TICKS - 1)) for index in range(_TICKS)],
        thinning="Each point is one frame." if longest == 1 else f"Each point is the largest of {longest} frames.",
        snapshots=[_alarm(snapshot) for snapshot in found.snapshots],
        about={_words(part): _facts(settings) for part, settings in found.about.items()},
    )


def verdict(summary: Summary) -> str:
    """Returns the finding in a few words."""
    if summary.alarms:
        return "1 alarm" if summary.alarms == 1 else f"{summary.alarms} alarms"
    return "Some gas, but no alarm" if summary.frames_with_gas else "Nothing found"


def clock(seconds: float) -> str:
    """Returns a time as 0:07.3, or 1:02:07.3 from an hour on."""
    tenths = round(10 * seconds)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    rest = f"{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{minutes:02d}:{rest}" if hours else f"{minutes}:{rest}"


def _explanation(found: Findings) -> list[str]:
    summary, rate = found.summary, found.frames_per_second
    sentences = []
    if summary.alarms:
        on, whole = (clock(frames / rate) for frames in (summary.frames_in_alarm, summary.frames))
        first, _ = next(runs(found.spans, "alarm"))
        sentences.append(f"Alarms were on for {on} of {whole}, the first from {clock(first / rate)}.")
    elif summary.frames_with_gas:
        sentences.append(
            f"Something was marked in {summary.frames_with_gas} of {summary.frames} frames, but not for so long that "
            "it would have raised an alarm."
        )
    else:
        sentences.append("Nothing was marked in any frame. That does not say that there is no leak.")
    if summary.frames_suspended:
        sentences.append(f"For {clock(summary.frames_suspended / rate)} the camera moved: no alarm could be on then.")
    return sentences


class _Plot(NamedTuple):
    name: str
    top: str  # what the upper edge stands for
    told: str
    curve: str
    level: float | None  # of a line across, from 0 at the top to 100


def _plots(found: Findings) -> list[_Plot]:
    probabilities = [span.max_probability for span in found.spans]
    shares = [span.area_share for span in found.spans]
    frames = [span.frames for span in found.spans]
    most = max(shares, default=0.0)
    scale = most or 1.0
    at = clock(sum(frames[: shares.index(most)]) / found.frames_per_second) if most else ""
    area = f"{most:.2%} of the picture"
    return [
        _Plot(
            "Largest gas probability in the picture",
            "1",
            f"Curve over time. The largest probability is {max(probabilities, default=0.0):.2f}.",
            _curve(frames, probabilities),
            round(100 * (1 - found.evidence), 2),
        ),
        _Plot(
            "Marked area",
            area if most else "the whole picture",
            f"Curve over time. The largest area is {area}, at {at}." if most else "A flat curve: nothing is marked.",
            _curve(frames, [share / scale for share in shares]),
            None,
        ),
    ]


def _curve(frames: Sequence[int], values: Sequence[float]) -> str:
    """The outline of columns, each some frames wide, in a picture 100 high."""
    columns = (f"V{round(100 * (1 - value), 2):g}h{width}" for width, value in zip(frames, values, strict=True))
    return f"M0 100{''.join(columns)}V100Z"


def _alarm(snapshot: Snapshot) -> dict[str, Any]:
    alarm, row = snapshot.alarm, snapshot.row
    marked = f"an outline around {row.area_px} pixels marked as gas, {row.box}" if row.area_px else "nothing marked"
    return {
        "number": alarm.number,
        "start": clock(alarm.start_s),
        "end": clock(alarm.end_s),
        "image": b64encode(snapshot.jpeg).decode(),
        "width": snapshot.width,
        "height": snapshot.height,
        "told": f"Frame {row.frame} at {clock(row.time_s)}: {marked}.",
        "facts": [
            ("Gas seen from", clock(alarm.start_s)),
            ("Alarm raised", clock(alarm.raised_s)),
            ("Last seen", clock(alarm.end_s)),
            ("Ended as", _ENDINGS[alarm.ended_by] if alarm.ended_by else "still on"),
            ("Largest area", f"{alarm.peak_area_px} pixels, {alarm.peak_area_share:.2%}, at {clock(alarm.peak_s)}"),
            ("Box around it", str(alarm.peak_box)),
            ("Largest probability", f"{alarm.peak_probability:.2f}"),
        ],
    }


def _facts(settings: Mapping[str, Any]) -> dict[str, str]:
    return {_words(name): _shown(value) for name, value in settings.items()}


def _words(name: str) -> str:
    return _WRITTEN.get(name, name.replace("_", " ").capitalize())


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
