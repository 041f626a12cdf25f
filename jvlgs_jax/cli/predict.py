"""`jvlgs predict PATH --checkpoint DIR --output DIR`: segments a video, a folder of images or a folder of videos."""

import argparse
from pathlib import Path

from jvlgs_jax.cli.use_arguments import add_checkpoint_argument, add_use_arguments, check_use
from jvlgs_jax.data.video import open_video
from jvlgs_jax.inference.output_folder import prepare_output
from jvlgs_jax.inference.sources import find_videos


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument("path", type=Path, help="a video file, a folder of images, or a folder of either")
    add_checkpoint_argument(parser)
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="where masks/, overlay.mp4 and frames.csv go; for a folder of videos, to one sub-folder each",
    )
    add_use_arguments(parser)
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
    sources = find_videos(args.path)
    videos = {name: open_video(source) for name, source in sources.items()}
    single = list(sources.values()) == [args.path]
    outputs = {name: args.output if single else args.output / name for name in sources}
    prepare_output(args.output, args.path)
    for name, source in sources.items():
        prepare_output(outputs[name], source)

    # Imported here, so that help and bad paths need not wait for JAX.
    from jvlgs_jax.cli.model_choice import choose_model
    from jvlgs_jax.inference.predict import predict
    from jvlgs_jax.inference.segmenter import Segmenter

    bundle, rule = choose_model(args)
    segmenter = Segmenter(bundle, args.clip_length)
    for name, video in videos.items():
        summary = predict(video, segmenter, rule, outputs[name])
        print(f"{outputs[name]}: {summary.frames} frames, {summary.alarms} with an alarm")
    return 0
