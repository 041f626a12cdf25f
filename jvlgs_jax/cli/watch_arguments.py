"""The arguments that say how a video is watched: where to look, when the camera moves, when an alarm is raised."""

import argparse
from pathlib import Path

from jvlgs_jax.inference.alarms import AlarmConfig, alarm_config
from jvlgs_jax.inference.camera_motion import CameraMotionConfig
from jvlgs_jax.inference.postprocess import ConfidenceGate, NamedRule
from jvlgs_jax.inference.settings import parse_settings, with_settings
from jvlgs_jax.inference.watching import WatchConfig


def add_watch_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --regions, --alarm and --camera."""
    alarm, camera = AlarmConfig(), CameraMotionConfig()
    parser.add_argument(
        "--regions",
        type=Path,
        metavar="FILE",
        help='where to look: a JSON file of polygons, {"include": [[[x, y], ...], ...], "exclude": [...]}, or an image '
        "of the video's size that is white where to look (default: everywhere)",
    )
    parser.add_argument(
        "--alarm",
        metavar="SETTINGS",
        help="when an alarm is raised, as in window_s=2,persistence=0.8: on and off (least probability for a new "
        "alarm, and for one that goes on; default: the rule's thresholds), minimum_pixels and minimum_share (least "
        f"area), persistence (share of the frames of window_s; {alarm.persistence:g} of {alarm.window_s:g} s), "
        f"refractory_s (time between alarms; {alarm.refractory_s:g})",
    )
    parser.add_argument(
        "--camera",
        metavar="SETTINGS",
        help="when the camera counts as moving, so that no alarm can be on: shift (of the picture, as a share of its "
        f"longer side; {camera.shift:g}; 1: never) and settle_s (time until it stands again; {camera.settle_s:g})",
    )


def check_watch(args: argparse.Namespace) -> None:
    """UserError for settings that there are not: before a model is loaded."""
    watch_config(args, ConfidenceGate())


def watch_config(args: argparse.Namespace, rule: NamedRule) -> WatchConfig:
    """Returns how to watch with the masks of `rule`; UserError for settings that there are not."""
    camera = parse_settings(args.camera or "", "camera")
    return WatchConfig(
        rule=rule,
        alarm=alarm_config(args.alarm, rule),
        camera=with_settings(CameraMotionConfig(), camera, "camera"),
    )
