"""A model as one StableHLO program for CPU, CUDA and TPU, with all its weights, that needs JAX alone to run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import export
from jaxtyping import Array, Float

from jvlgs_jax import __version__
from jvlgs_jax.data.clips import WINDOW_LENGTH
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.prompts import tokenize
from jvlgs_jax.data.sampling import Direction
from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.fingerprint import fingerprint, sha256
from jvlgs_jax.interop.folding import cast_floats, fold_batch_norm, probabilities, without_text_encoder
from jvlgs_jax.interop.model_folder import ModelBundle

PROGRAM, MANIFEST = "model.stablehlo", "manifest.json"
PLATFORMS = ("cpu", "cuda", "tpu")
FORMAT = 1
TOLERANCES = {"float32": 1e-3, "bfloat16": 0.5}  # of logits between program and model, in deviations of the model's

_NORMALISATION = {
    "rgb": "none: colours of 0 to 255, R, G, B; grey three times where there is one channel",
    "grey": "none: luma of 0 to 255, three times",
    "temporal": "none: grey levels of 0 to 255: the frame, the mean of the frames before it (plain over the first 40, "
    "then exponential at a rate of 1/800), and their exponential mean at a rate of 1/5; all equal at the first frame",
}

# As `data.resize.resize`, which the segmenter calls on planes of the frame's own size.
_RESIZE = (
    "planes are made at the frame's own size and then resized: by area means (OpenCV's INTER_AREA) where neither side "
    "grows, else bilinear with half-pixel centres (INTER_LINEAR)"
)


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """What is exported.

    Attributes:
        precision: of weights and arithmetic; input and output are float32 in either case.
        batch: windows a call; None: any number.
        platforms: that the program is compiled for where it is loaded.
    """

    precision: Literal["float32", "bfloat16"] = "float32"
    batch: int | None = None
    platforms: Sequence[str] = PLATFORMS


def export_model(bundle: ModelBundle, folder: Path, config: ExportConfig) -> dict[str, Any]:
    """Writes the program and its manifest to a new folder; returns the manifest.

    The program takes windows of three frames' input planes, float32 "b 3 h w 3" at the model's input size in grey
    levels, and returns the probabilities of gas, float32 "b h w", of the frame that each window answers for.
    Normalisation, the coarser look where there is one, text features and BatchNorm are inside.
    """
    program = _program(bundle, config.precision)
    (batch,) = (config.batch,) if config.batch is not None else export.symbolic_shape("b")
    shape = jax.ShapeDtypeStruct((batch, WINDOW_LENGTH, *bundle.input_size, 3), jnp.float32)
    exported = export.export(jax.jit(program), platforms=list(config.platforms))(shape)
    folder.mkdir(parents=True)
    (folder / PROGRAM).write_bytes(exported.serialize())
    manifest = _describe(bundle, config, exported) | {"sha256": sha256(folder / PROGRAM)}
    write_manifest(folder, manifest)
    return manifest


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Writes what is said of an exported program."""
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def load_exported(folder: Path) -> export.Exported:
    """Reads an exported program; UserError where it is missing or not the one that its manifest describes."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        program = (folder / PROGRAM).read_bytes()
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: no exported model ({error}): make one with `jvlgs export`") from error
    if manifest.get("sha256") != sha256(folder / PROGRAM):
        raise UserError(f"{folder / PROGRAM}: damaged (its SHA-256 is another than {MANIFEST} says): export it again")
    return export.deserialize(bytearray(program))


def largest_difference(bundle: ModelBundle, exported: export.Exported, batch: int) -> float:
    """Returns how far the program's logits are from the model's, at most, in standard deviations of the model's.

    The input is noise that moves a little. Logits are compared, since on noise all probabilities may be next to 0.
    """
    rng = np.random.default_rng(0)
    scene = rng.uniform(0, 255, (batch, 1, *bundle.input_size, 3))
    windows = np.clip(scene + rng.normal(0, 10, (batch, WINDOW_LENGTH, *bundle.input_size, 3)), 0, 255)
    windows = jnp.asarray(windows, jnp.float32)
    model = nnx.clone(bundle.model)
    model.eval()
    planes, tokens = input_planes(bundle.planes), tokenize(bundle.prompts)
    expected = nnx.jit(lambda net, x: probabilities(net, bundle.sizes, x, planes.normalize, net.encode_text(tokens)))(
        model, windows
    )
    found, expected = (
        jax.scipy.special.logit(jnp.clip(p, 1e-12, 1 - 1e-5)) for p in (exported.call(windows), expected)
    )
    return float(jnp.abs(found - expected).max() / expected.std())


def _program(bundle: ModelBundle, precision: str) -> Any:
    model = nnx.clone(bundle.model)
    model.eval()
    tokens = tokenize(bundle.prompts)
    text = nnx.jit(lambda net: net.encode_text(tokens))(model)
    model = fold_batch_norm(without_text_encoder(model))
    model.set_attributes(implementation="xla", raise_if_not_found=False)  # other kernels fix the batch
    graphdef, state = nnx.split(model)
    dtype = jnp.dtype(precision)
    state, text = cast_floats(state, dtype), text.astype(dtype)
    planes = input_planes(bundle.planes)

    def normalize(planes_seen: Float[Array, "*b h w 3"]) -> Float[Array, "*b h w 3"]:
        return planes.normalize(planes_seen).astype(dtype)

    def program(windows: Float[Array, "b 3 h w 3"]) -> Float[Array, "b h w"]:
        return probabilities(nnx.merge(graphdef, state), bundle.sizes, windows, normalize, text)

    return program


def _describe(bundle: ModelBundle, config: ExportConfig, exported: export.Exported) -> dict[str, Any]:
    height, width = bundle.input_size
    frames = [f"t{'+' if bundle.direction == Direction.LOOK_AHEAD else '-'}{n * bundle.step}" for n in (1, 2)]
    batch = "b" if config.batch is None else config.batch
    return {
        "format": FORMAT,
        "made_by": f"jvlgs_jax {__version__}, jax {jax.__version__}",
        "program": f"{PROGRAM}: jax.export.deserialize(bytearray).call(windows)",
        "platforms": list(exported.platforms),
        "calling_convention": exported.calling_convention_version,
        "precision": config.precision,
        "input": {
            "shape": [batch, WINDOW_LENGTH, height, width, 3],
            "dtype": "float32",
            "frames": ["t", *frames],
            "planes": bundle.planes,
            "normalisation": _NORMALISATION[bundle.planes],
            "resize": _RESIZE,
            "coarse_size": None if bundle.coarse_size is None else list(bundle.coarse_size),
        },
        "output": {"shape": [batch, height, width], "dtype": "float32", "meaning": "probability of gas in frame t"},
        "prompts": list(bundle.prompts),
        "rule": None if bundle.rule is None else dict(bundle.rule),
        "model_sha256": fingerprint(bundle),
    }
