"""Text that recorders burn into the picture: labels, temperatures and a running clock, in a bitmap font of our own."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jvlgs_jax.simulation.draws import Draws

CELL = 8  # pixels a character
LINE_LENGTH = 12
_LINES = 3
# Each glyph is seven rows of five bits, the leftmost the highest.
_GLYPHS = {
    " ": (0, 0, 0, 0, 0, 0, 0),
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 6, 8, 16, 31),
    "3": (30, 1, 1, 14, 1, 1, 30),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
    ":": (0, 4, 0, 0, 0, 4, 0),
    ".": (0, 0, 0, 0, 0, 12, 12),
    "-": (0, 0, 0, 14, 0, 0, 0),
    "A": (4, 10, 17, 17, 31, 17, 17),
    "C": (14, 17, 16, 16, 16, 17, 14),
    "E": (31, 16, 16, 30, 16, 16, 31),
    "G": (14, 17, 16, 23, 17, 17, 14),
    "H": (17, 17, 17, 31, 17, 17, 17),
    "I": (14, 4, 4, 4, 4, 4, 14),
    "M": (17, 27, 21, 21, 17, 17, 17),
    "N": (17, 25, 25, 21, 19, 19, 17),
    "O": (14, 17, 17, 17, 17, 17, 14),
    "R": (30, 17, 17, 30, 20, 18, 17),
    "S": (15, 16, 16, 14, 1, 1, 30),
    "T": (31, 4, 4, 4, 4, 4, 4),
    "U": (17, 17, 17, 17, 17, 17, 14),
    "X": (17, 17, 10, 4, 10, 17, 17),
}
_CHARACTERS = "".join(_GLYPHS)
_LABELS = ("AUTO", "HSM ON", "GAS", "X1.0 AUTO", "REC", "T -12.4 C", "E 0.95", "NUC")
_CLOCK_START = "00:00:00"


def _font() -> Float[np.ndarray, "n 8 8"]:
    font = np.zeros((len(_GLYPHS), CELL, CELL), np.float32)
    for glyph, rows in zip(font, _GLYPHS.values(), strict=True):
        glyph[:7, 1:6] = (np.array(rows)[:, None] >> np.arange(4, -1, -1)) & 1
    return font


def _codes(text: str) -> Int[np.ndarray, " n"]:
    return np.array([_CHARACTERS.index(letter) for letter in text.ljust(LINE_LENGTH)])


_FONT = _font()
_LABEL_CODES = np.stack([_codes(label) for label in _LABELS])


class TextParameters(NamedTuple):
    """On-screen text in numbers."""

    shown: Bool[Array, ""]
    label: Int[Array, " l"]  # of the fixed lines
    place: Int[Array, "m 2"]  # of all lines, the clock last: row and column in characters
    level: Float[Array, ""]  # grey
    clock: Float[Array, ""]  # seconds at frame 0


def draw_text(draw: Draws, share: float, size: tuple[int, int]) -> TextParameters:
    """Draws text for a share of the clips: lines in the corners and a clock."""
    rows, columns = size[0] // CELL, size[1] // CELL
    last = columns - LINE_LENGTH
    corners = jnp.array([[0, 0], [0, last], [rows - 1, 0], [rows - 1, last]])
    order = jnp.argsort(draw.uniform((0.0, 1.0), (len(corners),)))
    return TextParameters(
        shown=draw.chance(share),
        label=draw.integer(len(_LABELS), (_LINES - 1,)),
        place=corners[order[:_LINES]],
        level=jnp.where(draw.chance(0.7), 255.0, draw.uniform((150.0, 255.0))),
        clock=draw.uniform((0.0, 80000.0)),
    )


def overlay(text: TextParameters, time: Float[Array, ""], size: tuple[int, int]) -> Float[Array, "h w"]:
    """Returns the share of each pixel that text covers at `time` (frames, at 15 a second)."""
    lines = jnp.concatenate([jnp.asarray(_LABEL_CODES)[text.label], _clock(text.clock + time / 15)[None]])
    strips = jnp.asarray(_FONT)[lines].transpose(0, 2, 1, 3).reshape(_LINES, CELL, LINE_LENGTH * CELL)
    row, column = CELL * text.place.T
    canvas = jnp.zeros(size)
    for line in range(_LINES):
        canvas = jax.lax.dynamic_update_slice(canvas, strips[line], (row[line], column[line]))
    return canvas * text.shown


def _clock(seconds: Float[Array, ""]) -> Int[Array, " n"]:
    second = seconds.astype(int)
    hours, minutes, second = second // 3600, second // 60 % 60, second % 60
    digits = [hours // 10 % 10, hours % 10, minutes // 10, minutes % 10, second // 10, second % 10]
    first = _CHARACTERS.index("0")  # the digits follow each other
    codes = jnp.asarray(_codes(_CLOCK_START))
    for place, digit in zip((0, 1, 3, 4, 6, 7), digits, strict=True):
        codes = codes.at[place].set(first + digit)
    return codes
