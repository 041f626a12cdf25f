"""The folder a model lives in: `model.json` says what it is, `weights.safetensors` holds its arrays."""

import dataclasses
import functools
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

from jvlgs_jax.data.sampling import Direction
from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.families import PARTS
from jvlgs_jax.interop.parameters import flatten, replace
from jvlgs_jax.interop.weight_files import read_weights, write_weights
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig
from jvlgs_jax.models.multi_scale import InputSizes
from jvlgs_jax.models.pvt_v2 import PvtV2Config
from jvlgs_jax.models.text_encoder import TextEncoderConfig

DESCRIPTION = "model.json"
WEIGHTS = "weights.safetensors"
CALIBRATION = "calibration.json"  # beside them: what the rule was chosen by, if it was
FORMAT = 1


@dataclasses.dataclass(frozen=True)
class ModelBundle:
    """A network with all it needs to run on raw frames. UserError for sizes that do not go together."""

    model: Jvlgs
    prompts: tuple[str, ...]
    planes: str  # name of its input planes, see `jvlgs_jax.data.planes`
    input_size: tuple[int, int]  # (height, width) it works at
    step: int = 1  # frames of the video from one frame of a window to the next
    direction: Direction = Direction.LOOK_AHEAD  # where a window goes from the frame it answers for
    rule: Mapping[str, Any] | None = None  # from probabilities to masks, see `postprocess.rule_from`; None: the default
    # (height, width) of a second, coarser look at every frame, whose logits count where they are larger; None: one look
    coarse_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        InputSizes(self.input_size, self.coarse_size)  # complains of sizes that do not go together

    @property
    def sizes(self) -> InputSizes:
        """The sizes that every frame is seen at."""
        return InputSizes(self.input_size, self.coarse_size)


def abstract_model(config: JvlgsConfig) -> Jvlgs:
    """A network with shapes in place of arrays: costs no memory, and time only once for a config."""
    return nnx.merge(*_abstract(config))


@functools.lru_cache(maxsize=8)
def _abstract(config: JvlgsConfig) -> tuple[nnx.GraphDef, nnx.State]:
    def build() -> Jvlgs:
        rngs = nnx.Rngs()
        rngs.default = _OneKey(jax.random.key(0), tag="default")  # pyrefly: ignore[missing-attribute]  # set by name
        return Jvlgs(config, rngs=rngs)

    return nnx.split(nnx.eval_shape(build))


class _OneKey(nnx.RngStream):
    """Draws one and the same key, where only shapes matter: half of the time would go into tracing a count of draws."""

    def __call__(self) -> jax.Array:
        return self.key[...]


def save_model(folder: Path, bundle: ModelBundle, precision: np.dtype | None = None) -> None:
    """Writes a whole model; an earlier folder of the same name is replaced only once the new one is complete.

    Half precision (float16, bfloat16) makes the file half as large; reading widens it again. UserError for values that
    it cannot hold.
    """
    arrays = {path: np.asarray(value) for path, value in flatten(nnx.state(bundle.model)).items()}
    if precision is not None:
        arrays = {path: _narrowed(path, value, precision) for path, value in arrays.items()}
    save_arrays(folder, "model", bundle.model.config, arrays, describe_use(bundle))


def _narrowed(path: str, value: np.ndarray, precision: np.dtype) -> np.ndarray:
    if value.dtype != np.float32:  # counters
        return value
    with np.errstate(over="ignore"):
        narrow = value.astype(precision)
    if not np.isfinite(narrow.astype(np.float32)).all():
        raise UserError(f"{path}: holds {np.abs(value).max():g}, too large for {precision}: choose another")
    return narrow


def describe_use(bundle: ModelBundle) -> dict[str, Any]:
    """What `model.json` says of how a whole model is run."""
    return {field.name: getattr(bundle, field.name) for field in dataclasses.fields(bundle) if field.name != "model"}


def bundle_of(model: Jvlgs, description: Mapping[str, Any]) -> ModelBundle:
    """Puts a model together with what its description, as `read_description` returns it, says of its use."""
    height, width = description["input_size"]
    return ModelBundle(
        model=model,
        prompts=tuple(description["prompts"]),
        planes=description["planes"],
        input_size=(height, width),
        step=description["step"],
        direction=description["direction"],
        rule=description["rule"],
        coarse_size=description["coarse_size"],
    )


def save_arrays(
    folder: Path, part: str, config: JvlgsConfig, arrays: Mapping[str, np.ndarray], use: Mapping[str, Any]
) -> None:
    """Writes a part of the network; `use` says how a whole model is run. Atomic."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists() and not (folder / DESCRIPTION).is_file() and any(folder.iterdir()):
        raise UserError(f"{folder}: exists and is not a model folder; choose another output")
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        write_weights(partial / WEIGHTS, arrays)
        description = {"format": FORMAT, "part": part, "config": dataclasses.asdict(config), **use}
        (partial / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        partial.chmod(0o755)  # mkdtemp makes it private
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
            folder.replace(old)
            partial.replace(folder)
            shutil.rmtree(old)
        else:
            partial.replace(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def holds_weights(folder: Path, model: Jvlgs) -> bool:
    """Whether a model folder is there and holds the very arrays of `model`."""
    if not (folder / WEIGHTS).is_file():
        return False
    saved, arrays = read_weights(folder / WEIGHTS), flatten(nnx.state(model))
    return saved.keys() == arrays.keys() and all(np.array_equal(saved[path], arrays[path]) for path in saved)


def save_rule(folder: Path, rule: Mapping[str, Any]) -> None:
    """Writes into a model folder which rule makes masks of its probabilities; nothing else of it changes. Atomic."""
    read_description(folder)
    path = folder / DESCRIPTION
    description = json.loads(path.read_text(encoding="utf-8")) | {"rule": dict(rule)}
    partial = path.with_name(f".partial-{path.name}")
    try:
        partial.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_model(folder: Path) -> ModelBundle:
    """Reads a whole model, in evaluation mode. UserError when something is missing or does not fit."""
    description = read_description(folder)
    if description["part"] != "model":
        raise UserError(
            f"{folder}: holds only the {description['part']}, which can start a training run but cannot run alone"
        )
    model = abstract_model(description["config"])
    graphdef, state = nnx.split(model)
    arrays = read_weights(folder / WEIGHTS)
    check_arrays(str(folder / WEIGHTS), flatten(state), arrays)
    model = nnx.merge(graphdef, replace(state, arrays))
    model.eval()
    return bundle_of(model, description)


def initialize(model: Jvlgs, folder: Path, only: str = ".*") -> list[str]:
    """Copies the arrays of a model or part folder whose path matches `only` into `model`.

    Returns the paths that were set. UserError when nothing matches or a shape differs.
    """
    read_description(folder)
    arrays = {path: value for path, value in read_weights(folder / WEIGHTS).items() if re.fullmatch(only, path)}
    state = nnx.state(model)
    targets = {path: value for path, value in flatten(state).items() if path in arrays}
    if not arrays:
        raise UserError(f"{folder}: none of its arrays matches {only!r}")
    check_arrays(str(folder / WEIGHTS), targets, arrays)
    nnx.update(model, replace(state, arrays))
    return sorted(arrays)


def check_arrays(source: str, expected: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> None:
    """UserError that lists every missing, unused and misshapen array at once."""
    problems = [f"missing {path}" for path in expected if path not in found]
    problems += [f"unused {path}" for path in found if path not in expected]
    problems += [
        f"misshapen {path}: {value.shape}, expected {tuple(expected[path].shape)}"
        for path, value in found.items()
        if path in expected and value.shape != tuple(expected[path].shape)
    ]
    if problems:
        raise UserError(f"{source}: {len(problems)} arrays do not fit the network: " + "; ".join(problems))


def read_description(folder: Path) -> dict[str, Any]:
    """`model.json` with its network sizes as a `JvlgsConfig`; older files lack what has a default."""
    path = folder / DESCRIPTION
    if not path.is_file():
        raise UserError(
            f"{folder}: not a model folder ({DESCRIPTION} is missing); `jvlgs convert` and training make one"
        )
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        if description["format"] != FORMAT or description["part"] not in PARTS:
            raise UserError(f"{path}: format {description['format']!r}, but this version reads format {FORMAT}")
        description["config"] = _config(description["config"])
        description["direction"] = Direction(description.get("direction", ModelBundle.direction))
        if description.setdefault("step", ModelBundle.step) < 1:
            raise ValueError(f"step {description['step']}")
        if not isinstance(description.setdefault("rule", None), dict | None):
            raise ValueError(f"rule {description['rule']!r}")
        description["coarse_size"] = _coarse_size(description)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: damaged ({type(error).__name__}: {error}); convert or train the model again"
        ) from error
    return description


def _config(fields: dict[str, Any]) -> JvlgsConfig:
    encoder = {name: tuple(sizes) for name, sizes in fields.pop("encoder").items()}
    try:
        return JvlgsConfig(encoder=PvtV2Config(**encoder), text=TextEncoderConfig(**fields.pop("text")), **fields)
    except UserError as error:  # without the file's name
        raise ValueError(str(error)) from error


def _coarse_size(description: Mapping[str, Any]) -> tuple[int, int] | None:
    found = description.get("coarse_size")
    if found is None:
        return None
    height, width = found
    if not isinstance(height, int) or not isinstance(width, int):
        raise ValueError(f"coarse_size {found!r}")
    main_height, main_width = description["input_size"]
    try:
        sizes = InputSizes((main_height, main_width), (height, width))
    except UserError as error:  # without the file's name
        raise ValueError(str(error)) from error
    return sizes.coarse
