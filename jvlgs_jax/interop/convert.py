"""Published weight files to our model folders and back."""

import re
from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np
from flax import nnx

from jvlgs_jax.data.prompts import DEFAULT_PROMPTS
from jvlgs_jax.errors import UserError
from jvlgs_jax.interop import tables
from jvlgs_jax.interop.families import PARTS, Family, recognise
from jvlgs_jax.interop.model_folder import abstract_model, load_model, save_arrays
from jvlgs_jax.interop.parameters import flatten
from jvlgs_jax.interop.tensors import Tensor
from jvlgs_jax.interop.weight_files import read_weights, write_weights
from jvlgs_jax.models.jvlgs import JvlgsConfig

PUBLISHED_SIZE = (352, 352)


def import_weights(source: Path, folder: Path, prompts: tuple[str, ...] = DEFAULT_PROMPTS) -> str:
    """Converts a published file to a model folder and says in one line what it was.

    `prompts` are those a whole model was trained with. UserError lists every unused, missing and misshapen key.
    """
    state = read_weights(source)
    family = recognise(state, str(source))
    try:
        config = family.config({key: value.shape for key, value in state.items()})
    except UserError as error:
        raise UserError(f"{source}: {error}") from error
    if family.part == "model" and config.num_prompts != len(prompts):
        raise UserError(
            f"{source}: trained with {config.num_prompts} prompts, but {len(prompts)} were given; "
            "name them in its order with --prompts"
        )
    arrays = from_published(family, config, state, str(source))
    whole = {"prompts": prompts, "planes": "rgb", "input_size": PUBLISHED_SIZE} if family.part == "model" else {}
    save_arrays(folder, family.part, config, arrays, whole)
    return f"{source}: {family.name} weights, {len(arrays)} arrays of the {family.part}"


def export_weights(folder: Path, target: Path) -> None:
    """Writes a model folder's arrays under the published names, as `.pth`, `.pt` or `.safetensors`.

    UserError for a network that has parts of ours in place of published ones.
    """
    bundle = load_model(folder)
    config = bundle.model.config
    if (config.fusion, config.decoder) != (JvlgsConfig.fusion, JvlgsConfig.decoder):
        raise UserError(
            f"{folder}: its fusion is {config.fusion!r} and its decoder {config.decoder!r}, which have no published "
            f"names: only {JvlgsConfig.fusion!r} and {JvlgsConfig.decoder!r} have"
        )
    write_weights(target, to_published(config, flatten(nnx.state(bundle.model))))


def from_published(
    family: Family, config: JvlgsConfig, state: Mapping[str, np.ndarray], source: str
) -> dict[str, np.ndarray]:
    """Our arrays from a published state dict."""
    shapes = {
        path: tuple(leaf.shape)
        for path, leaf in flatten(nnx.state(abstract_model(config))).items()
        if re.fullmatch(PARTS[family.part], path)
    }
    tensors = [tensor for tensor in family.tensors(config) if tensor.ours in shapes]
    _check(tensors, shapes, state, family, source)
    rows: dict[str, list[np.ndarray]] = {}
    for tensor in tensors:
        rows.setdefault(tensor.ours, []).append(tensor.layout.to_ours(state[tensor.theirs]))
    stacked = {tensor.ours for tensor in tensors if tensor.layer is not None}
    return {path: np.stack(layers) if path in stacked else layers[0] for path, layers in rows.items()}


def to_published(config: JvlgsConfig, arrays: Mapping[str, jax.Array | np.ndarray]) -> dict[str, np.ndarray]:
    """The published state dict from our arrays, in the order of the published files."""
    state = {}
    for tensor in tables.jvlgs(config):
        if tensor.ours in arrays:
            value = np.asarray(arrays[tensor.ours])
            state[tensor.theirs] = tensor.layout.to_theirs(value if tensor.layer is None else value[tensor.layer])
    return state


def _check(
    tensors: list[Tensor],
    shapes: Mapping[str, tuple[int, ...]],
    state: Mapping[str, np.ndarray],
    family: Family,
    source: str,
) -> None:
    problems = []
    for tensor in tensors:
        shape = shapes[tensor.ours] if tensor.layer is None else shapes[tensor.ours][1:]
        expected = tensor.layout.to_theirs(np.empty(shape)).shape
        if tensor.theirs not in state:
            problems.append(f"missing {tensor.theirs}")
        elif state[tensor.theirs].shape != expected:
            problems.append(f"misshapen {tensor.theirs}: {state[tensor.theirs].shape}, expected {expected}")
    known = {tensor.theirs for tensor in tensors}
    problems += [
        f"unused {key}"
        for key in state
        if key not in known and not any(re.match(pattern, key) for pattern in family.ignored)
    ]
    if problems:
        raise UserError(f"{source}: {len(problems)} tensors do not fit {family.name}: " + "; ".join(problems))
