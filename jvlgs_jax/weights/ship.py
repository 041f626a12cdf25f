"""Makes the folder of a shipped model from a trained one."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from string import Template

import ml_dtypes
import numpy as np

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.replacement import replacement
from jvlgs_jax.interop.fingerprint import sha256
from jvlgs_jax.interop.model_folder import DESCRIPTION, WEIGHTS, ModelBundle, save_model
from jvlgs_jax.weights.shipped import CARD, ENTRY, ShippedEntry, ShippedModel, shipped_models

MAX_BYTES = 16_000_000
PRECISIONS = {"float16": np.dtype(np.float16), "bfloat16": np.dtype(ml_dtypes.bfloat16)}
_TEMPLATE = Path(__file__).with_name("card_template.md")


@dataclass(frozen=True, kw_only=True)
class CardTexts:
    """What the card of a model says and only its maker knows, in Markdown.

    Attributes:
        summary: one line for listings; the card's first.
        licence: of the weights, an SPDX name.
        data: what it was trained and chosen on, and under which licences.
        recipe: the commands that make it again, seeds and machine included.
        numbers: what it scores on what, beside baselines.
        limits: what it cannot do and should not be used for.
    """

    summary: str
    licence: str
    data: str
    recipe: str
    numbers: str
    limits: str


def read_card_texts(path: Path) -> CardTexts:
    """Reads the texts from a JSON file with these fields; UserError names what is missing or unknown."""
    names = [field.name for field in fields(CardTexts)]
    try:
        texts = json.loads(path.read_text(encoding="utf-8"))
        wrong = sorted({*names} ^ {*texts}) or [name for name in names if not str(texts[name]).strip()]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}): give the file with the card's texts") from error
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: not JSON ({error}): give an object with {', '.join(names)}") from error
    if wrong:
        raise UserError(f"{path}: {', '.join(wrong)} missing, empty or unknown: the fields are {', '.join(names)}")
    return CardTexts(**{name: str(texts[name]) for name in names})


def ship_model(
    bundle: ModelBundle, folder: Path, texts: CardTexts, *, default: bool = False, precision: str = "float16"
) -> ShippedModel:
    """Writes a model in half precision, with its hash and its card, to `folder`, whose name is the model's.

    An earlier model in `folder` is replaced once the new one is whole. Rooms that load it see float32 again.

    UserError for weights that half precision cannot hold and for a file of more than 16 MB.
    """
    if precision not in PRECISIONS:
        raise UserError(f"precision is {precision!r}: the choices are {', '.join(PRECISIONS)}")
    if "\n" in texts.summary.strip():
        raise UserError("the card's summary has several lines: it must be one")
    with replacement(folder) as partial:
        save_model(partial, bundle, PRECISIONS[precision])
        size = (partial / WEIGHTS).stat().st_size
        if size > MAX_BYTES:
            raise UserError(f"{folder.name}: its weights take {size} bytes, the limit is {MAX_BYTES}: shrink it")
        entry = ShippedEntry(
            summary=texts.summary.strip(), licence=texts.licence, sha256=sha256(partial / WEIGHTS), default=default
        )
        path = partial / DESCRIPTION
        description = json.loads(path.read_text(encoding="utf-8")) | {ENTRY: entry.to_json()}
        path.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        model = ShippedModel(folder=partial, entry=entry, prompts=bundle.prompts, sizes=bundle.sizes)
        card = _card(folder.name, model, texts, precision, bundle)
        (partial / CARD).write_text(card, encoding="utf-8")
    (shipped,) = [model for model in shipped_models(folder.parent) if model.name == folder.name]
    return shipped


def _card(name: str, model: ShippedModel, texts: CardTexts, precision: str, bundle: ModelBundle) -> str:
    main, *coarse = [f"{height} x {width}" for height, width in bundle.sizes.each]
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        {field.name: getattr(texts, field.name).strip() for field in fields(texts)},
        name=name,
        parameters=f"{model.parameters():,}",
        megabytes=f"{model.weight_bytes / 1e6:.1f}",
        precision=precision,
        sha256=model.entry.sha256,
        input=f"{bundle.planes} planes of {main} pixels" + "".join(f", and of {size}" for size in coarse),
        prompts=", ".join(bundle.prompts),
        rule=json.dumps(bundle.rule) if bundle.rule else "the default confidence gate",
    )
