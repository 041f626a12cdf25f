"""What a `--checkpoint` can name."""

from pathlib import Path

from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.model_folder import DESCRIPTION, ModelBundle, holds_weights, load_model
from jvlgs_jax.training import checkpoints
from jvlgs_jax.training.outcome import LAST, MODEL_FOLDERS
from jvlgs_jax.weights.shipped import shipped_model, shipped_models

_EXPECTED = "give a model folder, as `jvlgs convert` writes it, or the workdir of a training"


def checkpoint_name(path: Path | None) -> str:
    """Returns what a `--checkpoint` is called: its path or, by default, the name of the shipped model."""
    return shipped_model().name if path is None else str(path)


def load_bundle(path: Path | None) -> ModelBundle:
    """Returns the model of a model folder, that of the last checkpoint in a training's workdir, or a shipped one.

    If the model folder in the workdir holds the same weights, its rule counts, which may have been calibrated since.
    A shipped model is called by its name, which a folder of that name hides; None is the default one. UserError for
    anything else, and where the model is damaged.
    """
    if path is None:
        return shipped_model().load()
    if not path.exists() and path.name == str(path) and path.name in [model.name for model in shipped_models()]:
        return shipped_model(path.name).load()
    if (path / DESCRIPTION).is_file():
        return load_model(path)
    if (path / checkpoints.FOLDER).is_dir():
        bundle, folder = checkpoints.load_bundle(path), path / MODEL_FOLDERS[LAST]
        return load_model(folder) if holds_weights(folder, bundle.model) else bundle
    if path.is_dir():
        raise UserError(f"{path}: neither {DESCRIPTION} nor {checkpoints.FOLDER}/ is in this folder: {_EXPECTED}")
    if path.exists():
        raise UserError(f"{path}: a file, which `jvlgs convert` may turn into a model folder: {_EXPECTED}")
    names = [model.name for model in shipped_models()]
    shipped = f", or the name of a shipped model ({', '.join(names)})" if names else ""
    raise UserError(f"{path}: no such checkpoint: {_EXPECTED}{shipped}")
