"""Which scenes are kept from training."""

import difflib
from collections.abc import Sequence

from jvlgs_jax.data.scene import Scene
from jvlgs_jax.errors import UserError


def hold_out(scenes: Sequence[Scene], held_out: Sequence[str]) -> tuple[list[Scene], list[Scene]]:
    """Returns (train, test): test is the scenes named in `held_out`, by their own name or their group's.

    UserError for an unknown name, and for a group with scenes on both sides: they share a background, so a model could
    pass the test by having learnt it.
    """
    known = {scene.name for scene in scenes} | {scene.group for scene in scenes}
    unknown = [name for name in held_out if name not in known]
    if unknown:
        raise UserError("unknown scenes to hold out: " + ", ".join(_suggest(name, known) for name in unknown))
    test = [scene for scene in scenes if {scene.name, scene.group} & set(held_out)]
    train = [scene for scene in scenes if not {scene.name, scene.group} & set(held_out)]
    straddling = {scene.group for scene in train} & {scene.group for scene in test}
    for scene in train:
        if scene.group in straddling:
            members = ", ".join(other.name for other in scenes if other.group == scene.group)
            raise UserError(
                f"scene {scene.name} shares its background with a held-out scene: hold out all of {members}, or none"
            )
    return train, test


def _suggest(name: str, known: set[str]) -> str:
    nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0)
    return f"{name!r} (nearest: {nearest[0]!r})" if nearest else repr(name)
