"""`jvlgs predict PATH --checkpoint DIR --output DIR`: segments videos, images or a live input."""

import argparse
import dataclasses
import signal
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool

from jvlgs_jax.cli.json_lines import print_json_line
from jvlgs_jax.cli.use_arguments import add_checkpoint_argument, add_use_arguments, check_use
from jvlgs_jax.cli.video_choice import add_live_arguments, choose_videos
from jvlgs_jax.cli.watch_arguments import add_watch_arguments, check_watch, watch_config
from jvlgs_jax.data.live import LiveVideo, is_live
from jvlgs_jax.data.printable import printable
from jvlgs_jax.data.sampling import Direction
from jvlgs_jax.data.video import Video
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.postprocess import NamedRule
from jvlgs_jax.inference.watching import Event, WatchConfig

if TYPE_CHECKING:
    from jvlgs_jax.inference.predict import Probabilities
    from jvlgs_jax.inference.summary import Summary
    from jvlgs_jax.interop.model_folder import ModelBundle

ALARM_RAISED = 1  # the exit code, if it is asked for
MODES = {"look-ahead": Direction.LOOK_AHEAD, "past-only": Direction.PAST_ONLY}

_ONE_FRAME = (
    "one image alone shows this model nothing, gas or not, as it sees what changes: give a video, or a folder of "
    "images that follow each other"
)

Watched = Bool[np.ndarray, "h w"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument(
        "path",
        help="a video file, a folder of images, a folder of either, a pattern in quotes ('site/**/*.mp4'), a .txt file "
        "with a path a line, the number of a camera, or the URL of a stream (rtsp://...); a live input is ended by "
        "Ctrl-C or SIGTERM, and all results are then written",
    )
    add_checkpoint_argument(parser)
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="where report.html, events.json, frames.csv, overlay.mp4 and masks/ go; for several videos, to one "
        "sub-folder each",
    )
    add_use_arguments(parser)
    add_watch_arguments(parser)
    parser.add_argument(
        "--mode",
        choices=MODES,
        help="whether a frame is judged from itself and the next two frames, as published, or the last two, without "
        "delay (default: as the model was trained; the other mode was not measured)",
    )
    add_live_arguments(parser)
    parser.add_argument(
        "--jsonl",
        action="store_true",
        help="print each event on stdout when it happens, as one line of JSON, and all else on stderr",
    )
    parser.add_argument("--parquet", action="store_true", help="write the rows of frames.csv as frames.parquet, too")
    parser.add_argument(
        "--exit-code",
        action="store_true",
        help=f"exit with {ALARM_RAISED} if an alarm was raised in any video, as git diff --exit-code does (default: 0, "
        "alarm or not)",
    )
    parser.add_argument(
        "--clip-length",
        type=int,
        default=8,
        metavar="N",
        help="frames a network call (default 8): more is faster, fewer take less memory; the results agree",
    )


def run(args: argparse.Namespace) -> int:
    """Segments every video at `args.path` and prints one line for each."""
    check_use(args)
    check_watch(args)
    if args.clip_length < 1:
        raise UserError(f"--clip-length={args.clip_length}: the least is 1")
    chosen, failed = choose_videos(args, _notice)
    number = len(chosen) + len(failed)

    # Imported here, so that help and bad paths need not wait for JAX.
    from jvlgs_jax.cli.checkpoint import checkpoint_name
    from jvlgs_jax.cli.model_choice import choose_model
    from jvlgs_jax.inference.parquet_table import write_parquet
    from jvlgs_jax.inference.predict import predict, tell_nobody
    from jvlgs_jax.inference.provenance import describe_model

    bundle, rule = choose_model(args)
    if args.mode is not None:
        bundle = dataclasses.replace(bundle, direction=MODES[args.mode])
    watch = watch_config(args, rule)
    segmenter = _segmenter(args, bundle)
    model = describe_model(checkpoint_name(args.checkpoint), bundle)
    tell_all = partial(print, file=sys.stderr if args.jsonl else sys.stdout)
    alarms = 0
    for name, (video, output, watched) in chosen.items():
        origin = {"model": model, **_describe_regions(args.regions, watched), **_describe_promise(args, rule)}
        say = partial(_say, name, video) if args.jsonl else tell_nobody
        try:
            with _ended_by_signals(video):
                summary = _made_before(video, output, watch, watched, origin) or predict(
                    video, segmenter, watch, output, watched=watched, origin=origin, tell=say
                )
            if args.parquet:
                write_parquet(output)
        except UserError as error:
            if number == 1:
                raise
            _notice(f"error: {error}")
            failed.append(name)
            continue
        alarms, shown = alarms + summary.alarms, printable(str(output))
        if args.jsonl:
            print_json_line({"event": "video_done", "video": printable(name), **asdict(summary), "output": shown})
        tell_all(f"{shown}: {summary}")
        if summary.frames == 1 and bundle.planes == "temporal":
            _notice(f"warning: {name}: {_ONE_FRAME}")
    if failed:
        raise UserError(f"{len(failed)} of {number} videos failed ({', '.join(failed)}): the reasons are above")
    return ALARM_RAISED if alarms and args.exit_code else 0


def _made_before(
    video: Video | LiveVideo, output: Path, watch: WatchConfig, watched: Watched | None, origin: Mapping[str, Any]
) -> "Summary | None":
    """What an earlier run of the same video, model and settings has found, if all its results are there."""
    from jvlgs_jax.inference.finished import finished
    from jvlgs_jax.inference.predict import identify_prediction

    if isinstance(video, LiveVideo):
        return None
    summary = finished(output, identify_prediction(video, watch, watched, origin))
    if summary is not None:
        _notice(f"{output}: holds these results already; nothing is done again")
    return summary


def _segmenter(args: argparse.Namespace, bundle: "ModelBundle") -> "Probabilities":
    """Clips of several frames for recordings; for a live input, which must not wait for a clip, frame by frame."""
    if is_live(args.path):
        from jvlgs_jax.inference.streaming import StreamingSegmenter

        return StreamingSegmenter(bundle)
    from jvlgs_jax.inference.segmenter import Segmenter

    return Segmenter(bundle, args.clip_length)


@contextmanager
def _ended_by_signals(video: Video | LiveVideo) -> Generator[None]:
    """Lets Ctrl-C or SIGTERM end a live input, after which its results are written; a second one ends all."""
    if not isinstance(video, LiveVideo):
        yield
        return
    previous = {int(number): signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: FrameType | None) -> None:
        video.stop()
        signal.signal(number, previous[number])

    for number in previous:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _notice(line: str) -> None:
    print(f"jvlgs: {printable(line)}", file=sys.stderr)


def _describe_regions(regions: Path | None, watched: Watched | None) -> dict[str, dict[str, Any]]:
    from jvlgs_jax.inference.provenance import describe_regions

    return {} if watched is None else {"regions": describe_regions(str(regions), watched)}


def _describe_promise(args: argparse.Namespace, rule: NamedRule) -> dict[str, dict[str, Any]]:
    """What is known of the false alarms, where the model and its own gate are used as they were calibrated."""
    from jvlgs_jax.runs.calibrated import describe_promise

    otherwise = (args.rule, args.prompts, args.mode, args.camera)
    if args.checkpoint is None or any(choice is not None for choice in otherwise):
        return {}
    promise = describe_promise(args.checkpoint, rule, args.alarm)
    return {} if promise is None else {"calibration": promise}


def _say(name: str, video: Video | LiveVideo, event: Event) -> None:
    """Prints an event; where nobody reads it any more, a recording ends at once, to go on later, a live input whole."""
    content = event.to_json()
    try:
        print_json_line({"event": content.pop("event"), "video": printable(name), **content})
    except BrokenPipeError:
        if not isinstance(video, LiveVideo):
            raise
        video.stop()  # the line that tells of its results will fail alike
