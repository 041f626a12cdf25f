"""The models that come with the package: `jvlgs_jax/weights/NAME/`, a model folder with a card beside it.

Their `model.json` says under "shipped" what a listing shows and what the weights' SHA-256 is.
"""

import difflib
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path

from safetensors import SafetensorError, safe_open

from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.fingerprint import sha256
from jvlgs_jax.interop.model_folder import DESCRIPTION, WEIGHTS, ModelBundle, load_model, read_description
from jvlgs_jax.models.multi_scale import InputSizes

FOLDER = Path(__file__).parent
CARD = "MODEL_CARD.md"
ENTRY = "shipped"  # of model.json
_AGAIN = "install the package again"


@dataclass(frozen=True, kw_only=True)
class ShippedEntry:
    """What `model.json` of a shipped model says beside what every model's says.

    Attributes:
        summary: one line for listings.
        licence: of the weights, an SPDX name.
        sha256: of the weight file, in hexadecimal digits.
        default: whether it is used where no model is named; at most one is.
    """

    summary: str
    licence: str
    sha256: str
    default: bool

    def to_json(self) -> dict[str, str | bool]:
        """Returns the entry as JSON's types."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class ShippedModel:
    """A model that comes with the package.

    Attributes:
        folder: where it is; its name is the model's.
        entry: what is said of it.
        prompts: that it was trained with.
        sizes: that it sees every frame at.
    """

    folder: Path
    entry: ShippedEntry
    prompts: tuple[str, ...]
    sizes: InputSizes

    @property
    def name(self) -> str:
        """What `--checkpoint` calls it."""
        return self.folder.name

    @property
    def weight_bytes(self) -> int:
        """Size of the weight file."""
        return (self.folder / WEIGHTS).stat().st_size

    def parameters(self) -> int:
        """Counts the numbers in the weight file, running statistics included; UserError where it is damaged."""
        try:
            with safe_open(self.folder / WEIGHTS, framework="numpy") as file:
                return sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118  # no mapping
        except (SafetensorError, OSError) as error:
            raise UserError(f"{self.folder / WEIGHTS}: damaged ({error}): {_AGAIN}") from error

    def check(self) -> None:
        """Raises UserError where the weight file is not the one that was shipped."""
        path = self.folder / WEIGHTS
        if not path.is_file():
            raise UserError(f"{path}: missing: {_AGAIN}")
        found = sha256(path)
        if found != self.entry.sha256:
            raise UserError(f"{path}: damaged (sha256 {found[:16]}..., expected {self.entry.sha256[:16]}...): {_AGAIN}")

    def load(self) -> ModelBundle:
        """Returns the model, in evaluation mode, once its weights have been checked."""
        self.check()
        return load_model(self.folder)


def shipped_models(folder: Path | None = None) -> list[ShippedModel]:
    """Returns the models in `folder` by name, by default those that come with the package; their weights are not read.

    UserError for a damaged description.
    """
    paths = sorted((FOLDER if folder is None else folder).glob(f"*/{DESCRIPTION}"))
    return [_read(path.parent) for path in paths if not path.parent.name.startswith(".")]  # of a killed --ship


def shipped_model(name: str | None = None, folder: Path | None = None) -> ShippedModel:
    """Returns the model called `name`, by default the one that is meant where no model is named.

    UserError where there is none of that name, listing those there are, or no default.
    """
    models = shipped_models(folder)
    if name is None:
        for model in models:
            if model.entry.default:
                return model
        raise UserError(
            "no model comes with this version of the package: give --checkpoint=DIR, a model folder or the workdir of "
            "a training"
        )
    for model in models:
        if model.name == name:
            return model
    names = [model.name for model in models]
    nearest = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(names) or 'none'}"
    raise UserError(f"no shipped model {name!r}: {hint}")


def model_folder(name: str) -> Path:
    """Returns the folder that `name` means: that of the shipped model of this name, unless there is such a folder.

    A shipped model's weights are checked.
    """
    path = Path(name)
    if path.exists() or name not in [model.name for model in shipped_models()]:
        return path
    model = shipped_model(name)
    model.check()
    return model.folder


def _read(folder: Path) -> ShippedModel:
    description = read_description(folder)
    try:
        entry = ShippedEntry(**description[ENTRY])
    except (KeyError, TypeError) as error:
        raise UserError(f"{folder / DESCRIPTION}: no whole entry {ENTRY!r} ({error}): {_AGAIN}") from error
    height, width = description["input_size"]
    sizes = InputSizes((height, width), description["coarse_size"])
    return ShippedModel(folder=folder, entry=entry, prompts=tuple(description["prompts"]), sizes=sizes)
