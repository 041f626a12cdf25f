"""Reads and writes the tensors of `.pth`, `.pt` and `.safetensors` files as NumPy arrays."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy

from jvlgs_jax.errors import UserError

SUFFIXES = (".pth", ".pt", ".safetensors")


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a weight file; half-precision ones are widened to float32.

    Unwraps a checkpoint's `state_dict` or `model` entry and `DataParallel`'s "module." prefix. UserError when the
    file is missing, damaged, of another kind, or needs torch and torch is not installed.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected a weight file ({', '.join(SUFFIXES)})")
    if path.suffix == ".safetensors":
        try:
            state = safetensors.numpy.load_file(path)
        except (safetensors.SafetensorError, OSError) as error:
            raise UserError(f"{path}: damaged or not a safetensors file ({_first_line(error)})") from error
    elif path.suffix in SUFFIXES:
        state = _read_torch(path)
    else:
        raise UserError(f"{path}: suffix {path.suffix or 'none'}, but a weight file ends in {', '.join(SUFFIXES)}")
    return {key.removeprefix("module."): _widened(value) for key, value in state.items()}


def write_weights(path: Path, state: Mapping[str, np.ndarray]) -> None:
    """Writes tensors in the format that the suffix of `path` names; an earlier file survives until the new is whole."""
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path}: suffix {path.suffix or 'none'}, but a weight file ends in {', '.join(SUFFIXES)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    contiguous = {key: np.array(value, order="C") for key, value in state.items()}  # keeps 0-d arrays 0-d
    with tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as folder:
        partial = Path(folder) / path.name  # the same name, which torch writes into the file
        if path.suffix == ".safetensors":
            safetensors.numpy.save_file(contiguous, partial)
            partial.chmod(0o644)  # safetensors leaves it private
        else:
            torch = _torch(path)
            torch.save({key: torch.from_numpy(value) for key, value in contiguous.items()}, partial)
        partial.replace(path)


def _torch(path: Path) -> ModuleType:
    try:
        import torch  # optional, and heavy
    except ImportError as error:
        raise UserError(f"{path}: PyTorch files need torch: pip install 'jvlgs-jax[torch]'") from error
    return torch


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    torch = _torch(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds here: pickle, zip, EOF, runtime errors
        raise UserError(f"{path}: damaged or not a PyTorch weight file ({_first_line(error)})") from error
    for wrapper in ("state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    if not isinstance(state, Mapping):
        raise UserError(f"{path}: holds a {type(state).__name__}, expected a state dict of named tensors")
    strangers = [key for key, value in state.items() if not isinstance(value, torch.Tensor)]
    if strangers:
        raise UserError(f"{path}: entry {strangers[0]!r} is not a tensor; expected a state dict of named tensors")
    halves = (torch.float16, torch.bfloat16)
    return {key: (value.float() if value.dtype in halves else value).numpy() for key, value in state.items()}


def _widened(value: np.ndarray) -> np.ndarray:
    return value.astype(np.float32) if value.dtype in (np.float16, ml_dtypes.bfloat16) else value


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
