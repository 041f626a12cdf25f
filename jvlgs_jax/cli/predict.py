"""`jvlgs predict PATH --checkpoint DIR --output DIR`: segments a video, a folder of images or a folder of videos."""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from jvlgs_jax.cli.json_lines import print_json_line
from jvlgs_jax.cli.use_arguments import add_checkpoint_argument, add_use_arguments, check_use
from jvlgs_jax.cli.watch_arguments import add_watch_arguments, check_watch, watch_config
from jvlgs_jax.data.video import Video, open_video
from jvlgs_jax.inference.output_folder import prepare_output
from jvlgs_jax.inference.regions import load_regions
from jvlgs_jax.inference.sources import find_videos
from jvlgs_jax.inference.watching import Event

ALARM_RAISED = 1  # the exit code, if it is asked for

Watched = Bool[np.ndarray, "h w"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument("path", type=Path, help="a video file, a folder of images, or a folder of either")
    add_checkpoint_argument(parser)
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="where report.html, events.json, frames.csv, overlay.mp4 and masks/ go; for a folder of videos, to one "
        "sub-folder each",
    )
    add_use_arguments(parser)
    add_watch_arguments(parser)
    parser.add_argument(
        "--jsonl",
        action="store_true",
        help="print each event on stdout when it happens, as one line of JSON, and all else on stderr",
    )
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
    sources = find_videos(args.path)
    videos = {name: open_video(source) for name, source in sources.items()}
    watched = _watched(args.regions, videos)
    single = list(sources.values()) == [args.path]
    outputs = {name: args.output if single else args.output / name for name in sources}
    prepare_output(args.output, args.path)
    for name, source in sources.items():
        prepare_output(outputs[name], source)

    # Imported here, so that help and bad paths need not wait for JAX.
    from jvlgs_jax.cli.checkpoint import checkpoint_name
    from jvlgs_jax.cli.model_choice import choose_model
    from jvlgs_jax.inference.predict import predict, tell_nobody
    from jvlgs_jax.inference.provenance import describe_model
    from jvlgs_jax.inference.segmenter import Segmenter

    bundle, rule = choose_model(args)
    watch = watch_config(args, rule)
    segmenter = Segmenter(bundle, args.clip_length)
    model = describe_model(checkpoint_name(args.checkpoint), bundle)
    alarms = 0
    for name, video in videos.items():
        summary = predict(
            video,
            segmenter,
            watch,
            outputs[name],
            watched=watched.get(name),
            origin={"model": model, **_describe_regions(args.regions, watched.get(name))},
            tell=partial(_print_event, name) if args.jsonl else tell_nobody,
        )
        alarms += summary.alarms
        if args.jsonl:
            print_json_line({"event": "video_done", "video": name, **asdict(summary), "output": str(outputs[name])})
        print(f"{outputs[name]}: {summary}", file=sys.stderr if args.jsonl else sys.stdout)
    return ALARM_RAISED if alarms and args.exit_code else 0


def _watched(regions: Path | None, videos: Mapping[str, Video]) -> dict[str, Watched]:
    """Where to look in each video, by name; empty for everywhere. UserError where the regions do not fit one."""
    if regions is None:
        return {}
    loaded = load_regions(regions)
    return {name: loaded.watched(next(iter(video)).shape[:2]) for name, video in videos.items()}


def _describe_regions(regions: Path | None, watched: Watched | None) -> dict[str, dict[str, Any]]:
    if watched is None:
        return {}
    return {"regions": {"file": str(regions), "watched_share": round(float(watched.mean()), 6)}}


def _print_event(video: str, event: Event) -> None:
    content = event.to_json()
    print_json_line({"event": content.pop("event"), "video": video, **content})
