"""Gas probabilities for every frame of a video, in one pass and bounded memory."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain, repeat

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Float32, UInt8

from jvlgs_jax.data.clips import WINDOW_LENGTH
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.prompts import PromptTokens, tokenize
from jvlgs_jax.data.resize import resize
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.postprocess import native_probability
from jvlgs_jax.interop.model_folder import ModelBundle, abstract_model
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig


class Segmenter:
    """Runs a model over videos of any length and size; the bundle's model itself is left as it is.

    The network is compiled once, also across segmenters of one architecture, input size and clip length.
    """

    def __init__(self, bundle: ModelBundle, clip_length: int = 8) -> None:
        """A longer clip encodes fewer frames twice and takes more memory; the results are the same.

        Args:
            bundle: the model with its prompts, input planes and input size.
            clip_length: frames a network call; all but the last two get their result from it. UserError below 3.
        """
        if clip_length < WINDOW_LENGTH:
            raise UserError(f"clip length is {clip_length}, the least is {WINDOW_LENGTH}: use a longer clip")
        self._config = bundle.model.config
        self._state = nnx.state(bundle.model)
        self._text = _encode_text(self._config, self._state, tokenize(bundle.prompts))
        self._planes = bundle.planes
        self._input_size = bundle.input_size
        self._clip_length = clip_length

    def probabilities(self, frames: Iterable[UInt8[np.ndarray, "h w c"]]) -> Iterator[Float32[np.ndarray, "h w"]]:
        """Yields the gas probability of each pixel of each frame of one video, at the frames' own size.

        The probabilities of a frame depend on it, the next two and whatever of the past its input planes hold; the
        last frame stands in for those after the end. At most `clip_length` frames are read ahead of the results.
        """
        frames = iter(frames)
        first = next(frames, None)
        if first is None:
            return
        planes = self._network_planes(chain([first], frames))
        for clip, windows in _clips(planes, self._clip_length):
            logits = _logits(self._config, self._state, clip, self._text, planes=self._planes)
            for window in np.asarray(logits)[:windows]:
                yield native_probability(window, first.shape[:2])

    def _network_planes(self, frames: Iterable[UInt8[np.ndarray, "h w c"]]) -> Iterator[Float32[np.ndarray, "h w 3"]]:
        stream = input_planes(self._planes).stream()
        for frame in frames:
            yield resize(stream.push(frame), self._input_size)


def _clips(
    planes: Iterator[Float32[np.ndarray, "h w 3"]], length: int
) -> Iterator[tuple[Float32[np.ndarray, "t h w 3"], int]]:
    """Yields overlapping clips of `length` frames, each with the number of its windows that are no repetition."""
    windows = length - WINDOW_LENGTH + 1
    clip: list[np.ndarray] = []
    for plane in planes:
        clip.append(plane)
        if len(clip) == length:
            yield np.stack(clip), windows
            clip = clip[windows:]
    while clip:  # the last frame stands in for those after the end
        yield np.stack([*clip, *repeat(clip[-1], length - len(clip))]), min(len(clip), windows)
        clip = clip[windows:]


@partial(jax.jit, static_argnames="config")
def _encode_text(config: JvlgsConfig, state: nnx.State, tokens: PromptTokens) -> Float[Array, "p d"]:
    return _model(config, state).encode_text(tokens)


@partial(jax.jit, static_argnames=("config", "planes"))
def _logits(
    config: JvlgsConfig, state: nnx.State, clip: Float[Array, "t h w 3"], text: Float[Array, "p d"], *, planes: str
) -> Float32[Array, "windows h w"]:
    output = _model(config, state)(input_planes(planes).normalize(clip)[None], text)
    return output.logits[0, ..., 0].astype(jnp.float32)


def _model(config: JvlgsConfig, state: nnx.State) -> Jvlgs:
    """The network in eval mode, whatever mode its state comes from."""
    model = abstract_model(config)
    model.eval()
    return nnx.merge(nnx.graphdef(model), state)
