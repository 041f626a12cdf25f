"""Input planes: the three channels the network sees, made causally from the frames of a video.

Planes are in grey levels, 0 to 255, so that they can be augmented and resized like images; `normalize` takes them to
the network's range inside the jitted program.
"""

import difflib
from typing import NamedTuple, Protocol, runtime_checkable

import cv2
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Float32, Int, UInt8

from jvlgs_jax.data.gain import Frame
from jvlgs_jax.errors import UserError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)

BACKGROUND_WARM_UP = 40  # frames of plain mean, so that the first frame does not linger in the background
BACKGROUND_RATE = 1 / 800
SHORT_TERM_RATE = 1 / 5

FRACTION_STEPS = 256  # in which a grey level with fractions is stored, in 16 bits


class PlaneMemory(NamedTuple):
    """All that the planes of the next frame need to know of the frames before it.

    Attributes:
        seen: how many frames these were.
        means: in grey levels, one channel for each plane that is a mean: m = 0 for `rgb` and `grey`, 2 for `temporal`.
            Empty (h = w = 0) before the first frame, when the size is not known.
    """

    seen: int
    means: Float32[np.ndarray, "h w m"]


@runtime_checkable
class PlaneStream(Protocol):
    """The planes of one video, frame by frame: `push` sees the past, never the future."""

    def push(self, frame: Frame) -> Float32[np.ndarray, "h w 3"]:
        """Returns the planes of the next frame, in grey levels."""
        ...

    @property
    def memory(self) -> PlaneMemory:
        """What the frames pushed so far leave behind; a stream that starts with it goes on exactly from here."""
        ...


@runtime_checkable
class InputPlanes(Protocol):
    """One choice of input planes. Get it by name with `input_planes`."""

    name: str
    colored: bool  # the planes are one picture's colours, not grey-level pictures of their own
    remembers: bool  # some planes are means of earlier frames
    steps_per_level: int  # how finely a grey level must be stored: 1 (8 bits a pixel) or 256 (16 bits)

    def stream(self, memory: PlaneMemory | None = None) -> PlaneStream:
        """Starts a video, or with `memory` goes on with one."""
        ...

    def normalize(self, planes: Float[Array, "*b h w 3"]) -> Float[Array, "*b h w 3"]:
        """Takes grey levels to the network's input range; traceable by JAX."""
        ...

    def drift_response(self, phase: Float[np.ndarray, "*b"], age: int) -> Complex[np.ndarray, "*b 3"]:
        """How a wave exp(-i phase t) over the frames t shows in each plane, as a factor, `age` frames into a video."""
        ...

    def noise_response(self, age: int) -> Float32[np.ndarray, " m"]:
        """How noise that is new in every frame shows in each mean of the memory, as a factor, `age` frames in."""
        ...


class RgbPlanes:
    """The three colours with ImageNet's mean and deviation, as published; a grey frame is repeated three times."""

    name = "rgb"
    colored = True
    remembers = False
    steps_per_level = 1

    def stream(self, memory: PlaneMemory | None = None) -> PlaneStream:
        """Starts or goes on with a video; colours need no past."""
        return _RgbStream(memory)

    def normalize(self, planes: Float[Array, "*b h w 3"]) -> Float[Array, "*b h w 3"]:
        """(planes / 255 - mean) / deviation, by colour."""
        mean, deviation = (jnp.asarray(x, planes.dtype) for x in (IMAGENET_MEAN, IMAGENET_DEVIATION))
        return (planes / 255 - mean) / deviation

    def drift_response(self, phase: Float[np.ndarray, "*b"], age: int) -> Complex[np.ndarray, "*b 3"]:
        """1: each plane is the frame."""
        return np.ones((*phase.shape, 3), np.complex128)

    def noise_response(self, age: int) -> Float32[np.ndarray, " m"]:
        """Empty: no plane is a mean."""
        return np.empty(0, np.float32)


class GreyPlanes(RgbPlanes):
    """The luma three times, normalised like `rgb`: for weights made for colours where colours mean nothing."""

    name = "grey"
    colored = False

    def stream(self, memory: PlaneMemory | None = None) -> PlaneStream:
        """Starts or goes on with a video; luma needs no past."""
        return _GreyStream(memory)


class TemporalPlanes:
    """The grey frame, its causal background and its short-term mean.

    Both means at frame t hold the frames *before* t, so that a difference shows all of what frame t changed; at the
    first frame they equal the frame. The background is the plain mean of up to 40 frames, then an exponential mean
    with rate 1/800 (about 53 s at 15 frames per second); the short-term mean has rate 1/5.
    """

    name = "temporal"
    colored = False
    remembers = True
    steps_per_level = FRACTION_STEPS  # means have fractions, and a difference of half a grey level counts

    def stream(self, memory: PlaneMemory | None = None) -> PlaneStream:
        """Starts a video with an empty memory, or goes on with one; `memory` is copied."""
        return _TemporalStream(memory)

    def normalize(self, planes: Float[Array, "*b h w 3"]) -> Float[Array, "*b h w 3"]:
        """(x, b, s) -> x / 128 - 1, asinh((x - b) / 2) / 2, asinh((x - s) / 2) / 2."""
        frame, means = planes[..., :1], planes[..., 1:]
        return jnp.concatenate([frame / 128 - 1, jnp.arcsinh((frame - means) / 2) / 2], axis=-1)

    def drift_response(self, phase: Float[np.ndarray, "*b"], age: int) -> Complex[np.ndarray, "*b 3"]:
        """1, the mean of the wave over the last `age` frames, and its exponential mean at the short-term rate."""
        before = np.exp(1j * phase)  # the wave a frame ago
        turns = phase / (2 * np.pi)
        background = np.exp(0.5j * (age + 1) * phase) * np.sinc(age * turns) / np.sinc(turns)  # geometric series
        short_term = SHORT_TERM_RATE * before / (1 - (1 - SHORT_TERM_RATE) * before)
        return np.stack([np.ones_like(before), background, short_term], axis=-1)

    def noise_response(self, age: int) -> Float32[np.ndarray, " m"]:
        """The root of the summed squares of each mean's weights."""
        kept = (1 - BACKGROUND_RATE) ** (2 * max(age - BACKGROUND_WARM_UP, 0))  # geometric series of squared weights
        background = kept / min(age, BACKGROUND_WARM_UP) + (1 - kept) * BACKGROUND_RATE / (2 - BACKGROUND_RATE)
        return np.sqrt([background, SHORT_TERM_RATE / (2 - SHORT_TERM_RATE)]).astype(np.float32)


class _RgbStream:
    def __init__(self, memory: PlaneMemory | None) -> None:
        self.memory = memory or PlaneMemory(0, np.empty((0, 0, 0), np.float32))

    def push(self, frame: Frame) -> Float32[np.ndarray, "h w 3"]:
        self.memory = PlaneMemory(self.memory.seen + 1, np.empty((*frame.shape[:2], 0), np.float32))
        return self._planes(frame)

    def _planes(self, frame: Frame) -> Float32[np.ndarray, "h w 3"]:
        return np.broadcast_to(frame, (*frame.shape[:2], 3)).astype(np.float32)


class _GreyStream(_RgbStream):
    def _planes(self, frame: Frame) -> Float32[np.ndarray, "h w 3"]:
        return super()._planes(luma(frame)[..., None])


class _TemporalStream:
    def __init__(self, memory: PlaneMemory | None) -> None:
        self._seen, means = memory or PlaneMemory(0, np.empty((0, 0, 2), np.float32))
        self._background, self._short_term = (means[..., i].copy() for i in range(2))

    @property
    def memory(self) -> PlaneMemory:
        return PlaneMemory(self._seen, np.stack([self._background, self._short_term], axis=-1))

    def push(self, frame: Frame) -> Float32[np.ndarray, "h w 3"]:
        grey = luma(frame).astype(np.float32)
        if self._seen == 0:
            self._background, self._short_term = grey.copy(), grey.copy()
        planes = np.stack([grey, self._background, self._short_term], axis=-1)
        self._seen += 1
        rate = 1 / self._seen if self._seen <= BACKGROUND_WARM_UP else BACKGROUND_RATE
        cv2.accumulateWeighted(grey, self._background, rate)
        cv2.accumulateWeighted(grey, self._short_term, SHORT_TERM_RATE)
        return planes


_PLANES: dict[str, type[InputPlanes]] = {"rgb": RgbPlanes, "grey": GreyPlanes, "temporal": TemporalPlanes}


def input_planes(name: str) -> InputPlanes:
    """Returns the input planes called `name` ("rgb", "grey" or "temporal"); UserError for any other name."""
    if name not in _PLANES:
        guess = difflib.get_close_matches(name, _PLANES, n=1)
        hint = f"did you mean {guess[0]!r}?" if guess else "use one of them"
        raise UserError(f"unknown input planes {name!r}: the choices are {', '.join(_PLANES)}; {hint}")
    return _PLANES[name]()


class ScenePlanes:
    """The planes of a whole video, kept in memory in fixed point: 1 or 2 bytes a pixel and plane, quick to read.

    Planes of frames with fractions keep them, to a 512th of a grey level.

    Where the three planes are one picture, as `rgb` ones of grey video are, it is kept once (c = 1 instead of 3).
    """

    def __init__(
        self, planes: InputPlanes, frames: UInt8[np.ndarray, "n h w c"] | Float32[np.ndarray, "n h w c"]
    ) -> None:
        """Makes the planes of all `frames`."""
        steps = planes.steps_per_level if frames.dtype == np.uint8 else FRACTION_STEPS
        self._steps = np.float32(steps)
        self._stored = np.empty((*frames.shape[:3], 3), np.uint8 if steps == 1 else np.uint16)
        stream = planes.stream()
        for stored, frame in zip(self._stored, frames, strict=True):
            stored[...] = np.rint(stream.push(frame) * self._steps)
        first, second, third = np.moveaxis(self._stored, -1, 0)
        if not planes.remembers and np.array_equal(first, second) and np.array_equal(first, third):
            self._stored = np.ascontiguousarray(self._stored[..., :1])

    def __len__(self) -> int:
        return len(self._stored)

    def __getitem__(self, frames: Int[np.ndarray, " t"]) -> Float32[np.ndarray, "t h w c"]:
        """Returns the planes of the given frames, in grey levels."""
        return self._stored[frames] / self._steps


def luma(frame: Frame) -> UInt8[np.ndarray, "h w"] | Float32[np.ndarray, "h w"]:
    """Returns the frame in grey levels: itself if it is grey, else the usual 0.299 R + 0.587 G + 0.114 B."""
    return frame[..., 0] if frame.shape[-1] == 1 else cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
