"""Text prompts as CLIP token ids."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32

from jvlgs_jax.errors import UserError

DEFAULT_PROMPTS = ("white steam", "floating steam", "billowing smoke", "flowing smoke")
EMPTY_PROMPT = (
    "<empty>"  # stands for a prompt without words, which no one trains with but which shows what words matter
)
MAX_POSITIONS = 16  # of OWLv2's text encoder, start and end of text included
START_OF_TEXT = 49406
END_OF_TEXT = 49407  # the largest id: the encoder finds the end of a prompt by argmax
PAD = 0

# The published prompts need no tokenizer, which has no wheels for some platforms.
_KNOWN_IDS: dict[str, list[int]] = {
    "white steam": [1579, 6972],
    "floating steam": [12619, 6972],
    "billowing smoke": [3092, 8283, 6664],
    "flowing smoke": [14922, 6664],
}


class PromptTokens(NamedTuple):
    """Token ids of p prompts padded to the longest, and a mask that is 1 on real tokens and 0 on padding."""

    ids: Int32[np.ndarray, "p l"]
    mask: Int32[np.ndarray, "p l"]


def split_prompts(text: str) -> tuple[str, ...]:
    """Returns the prompts of a command line, which commas separate."""
    return tuple(prompt.strip() for prompt in text.split(","))


def tokenize(prompts: Sequence[str]) -> PromptTokens:
    """Returns the CLIP token ids of `prompts`, each between start and end of text.

    Prompts other than `DEFAULT_PROMPTS` need the package instant-clip-tokenizer. `EMPTY_PROMPT` stands for one without
    words. UserError for no prompt at all, an empty prompt, and one of more than 16 tokens.
    """
    if not prompts:
        raise UserError(f"no prompts: give at least one, for example {DEFAULT_PROMPTS[0]!r}")
    rows = [_encode(prompt) for prompt in prompts]
    lengths = np.array([len(row) for row in rows])
    ids = np.full((len(rows), lengths.max()), PAD, np.int32)
    for row, tokens in zip(ids, rows, strict=True):
        row[: len(tokens)] = tokens
    mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int32)
    return PromptTokens(ids, mask)


def _encode(prompt: str) -> list[int]:
    words = " ".join(prompt.lower().split())
    if not words:
        raise UserError(f"empty prompt {prompt!r}: describe what to segment, for example {DEFAULT_PROMPTS[0]!r}")
    if words == EMPTY_PROMPT:
        return [START_OF_TEXT, END_OF_TEXT]
    tokens = [START_OF_TEXT, *(_KNOWN_IDS.get(words) or _clip_ids(words)), END_OF_TEXT]
    if len(tokens) > MAX_POSITIONS:
        raise UserError(
            f"prompt {prompt!r} has {len(tokens)} tokens with start and end of text, "
            f"the limit is {MAX_POSITIONS}: use fewer words"
        )
    return tokens


def _clip_ids(words: str) -> list[int]:
    try:
        from instant_clip_tokenizer import Tokenizer  # pyrefly: ignore[missing-module-attribute]  # native, no stubs
    except ImportError as error:
        raise UserError(
            f"prompt {words!r} needs the CLIP tokenizer: pip install instant-clip-tokenizer, "
            f"or use the default prompts ({', '.join(DEFAULT_PROMPTS)})"
        ) from error
    return Tokenizer().encode(words)
