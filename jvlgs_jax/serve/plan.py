"""How the page asks for a video to be watched: settings and regions, checked as those of `jvlgs predict` are."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.alarms import alarm_config
from jvlgs_jax.inference.camera_motion import CameraMotionConfig
from jvlgs_jax.inference.postprocess import NamedRule, describe_rule, rule_from
from jvlgs_jax.inference.regions import Regions, load_regions
from jvlgs_jax.inference.settings import with_settings
from jvlgs_jax.inference.watching import WatchConfig

_PARTS = ("rule", "alarm", "camera", "regions")
_NO_REGIONS = (None, {}, {"include": []}, {"exclude": []}, {"include": [], "exclude": []})


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a video is watched.

    Attributes:
        watch: the settings.
        regions: where to look; None: everywhere.
        command: the options of `jvlgs predict` that mean the same, `--regions` left out.
    """

    watch: WatchConfig
    regions: Regions | None
    command: tuple[str, ...]


def read_plan(wish: Any, rule: NamedRule, regions_file: Path) -> Plan:
    """Returns the plan that a page wishes for.

    Args:
        wish: an object of "rule", "alarm", "camera" (each of numbers by name) and "regions" (as a file of regions has
            them); what is left out has its default.
        rule: the model's own, which "rule" changes.
        regions_file: where to write the regions, if there are any.

    UserError for anything else.
    """
    if not isinstance(wish, dict) or not set(wish) <= set(_PARTS):
        raise UserError(f"settings: must be an object of {', '.join(_PARTS)}")
    parts = {name: _numbers(wish.get(name, {}), name) for name in _PARTS[:-1]}
    changed = rule_from({**describe_rule(rule), **parts["rule"]})
    alarm = with_settings(alarm_config(None, changed), parts["alarm"], "alarm")
    camera = with_settings(CameraMotionConfig(), parts["camera"], "camera")
    name = describe_rule(changed)["name"]
    drawn = wish.get("regions")
    regions = None
    if drawn not in _NO_REGIONS:
        regions_file.write_text(json.dumps(drawn), encoding="utf-8")
        regions = load_regions(regions_file)
    changes = _changes(describe_rule(type(changed)()), describe_rule(changed))
    return Plan(
        watch=WatchConfig(rule=changed, alarm=alarm, camera=camera),
        regions=regions,
        command=(
            f"--rule={name}:{changes}" if changes else f"--rule={name}",
            *_option("alarm", asdict(alarm_config(None, changed)), asdict(alarm)),
            *_option("camera", asdict(CameraMotionConfig()), asdict(camera)),
        ),
    )


def defaults(rule: NamedRule) -> dict[str, Any]:
    """Returns what a page shows before anything was changed, as JSON's types."""
    alarm, camera = alarm_config(None, rule), CameraMotionConfig()
    return {"rule": describe_rule(rule), "alarm": asdict(alarm), "camera": asdict(camera)}


def _numbers(part: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(part, dict):
        raise UserError(f"{name}: must be an object of numbers by name")
    for key, value in part.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"{name}: {key} is {value!r}, it must be a number")
    return part


def _option(name: str, default: Mapping[str, Any], chosen: Mapping[str, Any]) -> tuple[str, ...]:
    changes = _changes(default, chosen)
    return (f"--{name}={changes}",) if changes else ()


def _changes(default: Mapping[str, Any], chosen: Mapping[str, Any]) -> str:
    return ",".join(f"{key}={value}" for key, value in chosen.items() if value != default[key])
