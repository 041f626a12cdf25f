"""Which videos a path names, opened, with where to look in each and where its results go."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from jvlgs_jax.data.live import LiveVideo, is_live, open_live
from jvlgs_jax.data.video import Video, open_video
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.output_folder import check_apart, prepare_output
from jvlgs_jax.inference.regions import Regions, load_regions
from jvlgs_jax.inference.sources import find_videos

_LIVE_LIMITS = {"frame_rate": (0.001, 1000), "duration": (0.001, 365 * 24 * 3600)}  # a second; seconds

Notice = Callable[[str], None]
"""Is told in one line what happens to a stream, and what is wrong with one video of several."""


class Chosen(NamedTuple):
    """A video, the folder for its results, and where to look in it (None: everywhere)."""

    video: Video | LiveVideo
    output: Path
    watched: Bool[np.ndarray, "h w"] | None


def add_live_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --frame-rate and --duration."""
    parser.add_argument(
        "--frame-rate",
        type=float,
        metavar="N",
        help="of a live input: the most frames a second to take (default: the camera's own rate)",
    )
    parser.add_argument(
        "--duration",
        type=float,
        metavar="SECONDS",
        help="of a live input: end so long after it is first read (default: never)",
    )


def choose_videos(args: argparse.Namespace, notice: Notice) -> tuple[dict[str, Chosen], list[str]]:
    """Returns the videos at `args.path` by name, and the names of those that cannot be opened; `notice` hears why.

    Makes the folders for results. UserError, before that, where no video can be opened or the regions fit none, and for
    options that make no sense.
    """
    _check_live(args)
    regions = None if args.regions is None else load_regions(args.regions)
    if is_live(args.path):
        video = open_live(args.path, notice, frames_per_second=args.frame_rate, duration=args.duration)
        chosen = {video.name: Chosen(video, args.output, _watched(regions, video))}
        prepare_output(args.output, None)
        return chosen, []
    sources = find_videos(Path(args.path))
    single = list(sources.values()) == [Path(args.path)]
    chosen = {}
    for name, source in sources.items():
        try:
            video = open_video(source)
            chosen[name] = Chosen(video, args.output if single else args.output / name, _watched(regions, video))
        except UserError as error:
            if len(sources) == 1:
                raise
            notice(f"error: {error}")
    if not chosen:
        raise UserError(f"{args.path}: none of {len(sources)} videos can be segmented: the reasons are above")
    check_apart(args.output, Path(args.path))
    for name, each in chosen.items():
        prepare_output(each.output, sources[name])
    return chosen, [name for name in sources if name not in chosen]


def _check_live(args: argparse.Namespace) -> None:
    for name, (least, most) in _LIVE_LIMITS.items():
        value, option = getattr(args, name), f"--{name.replace('_', '-')}"
        if value is None:
            continue
        if not is_live(args.path):
            raise UserError(f"{option}: {args.path} is no live input: leave it out")
        if not least <= value <= most:
            raise UserError(f"{option} is {value:g}, it must lie between {least:g} and {most:,}")


def _watched(regions: Regions | None, video: Video | LiveVideo) -> Bool[np.ndarray, "h w"] | None:
    if regions is None:
        return None
    return regions.watched(video.size if isinstance(video, LiveVideo) else next(iter(video)).shape[:2])
