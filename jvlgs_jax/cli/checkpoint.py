"""What a `--checkpoint` can name."""

from pathlib import Path

from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.model_folder import DESCRIPTION, ModelBundle, load_model
from jvlgs_jax.training import checkpoints

_EXPECTED = "give a model folder, as `jvlgs convert` writes it, or the workdir of a training"


def load_bundle(path: Path) -> ModelBundle:
    """Returns the model of a model folder, or that of the last checkpoint in a training's workdir.

    UserError for anything else, and where the model is damaged.
    """
    if (path / DESCRIPTION).is_file():
        return load_model(path)
    if (path / checkpoints.FOLDER).is_dir():
        return checkpoints.load_bundle(path)
    if path.is_dir():
        raise UserError(f"{path}: neither {DESCRIPTION} nor {checkpoints.FOLDER}/ is in this folder: {_EXPECTED}")
    if path.exists():
        raise UserError(f"{path}: a file, which `jvlgs convert` may turn into a model folder: {_EXPECTED}")
    raise UserError(f"{path}: no such checkpoint: {_EXPECTED}")
