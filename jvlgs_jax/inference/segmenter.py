"""Gas probabilities for every frame of a video, in one pass and bounded memory."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain, islice, repeat

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Float32

from jvlgs_jax.data.clips import WINDOW_LENGTH
from jvlgs_jax.data.gain import Frame
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.prompts import PromptTokens, tokenize
from jvlgs_jax.data.resize import resize
from jvlgs_jax.data.sampling import Direction
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.postprocess import native_probability
from jvlgs_jax.interop.model_folder import ModelBundle, abstract_model
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig

CLIP_LENGTH = 8  # frames a network call
Features = list[Float[Array, "t _ _ _"]]  # of each of t frames, as `Jvlgs.encode_video` makes them


class Segmenter:
    """Runs a model over videos of any length and size; the bundle's model itself is left as it is.

    Every frame is encoded once, and its features are kept until the last window that needs them. The network is
    compiled once, also across segmenters of one architecture, input size and clip length.
    """

    def __init__(self, bundle: ModelBundle, clip_length: int = CLIP_LENGTH) -> None:
        """A longer clip is faster and takes more memory; the results are the same.

        Args:
            bundle: the model with its prompts, input planes, input size and windows.
            clip_length: frames a network call. UserError below 1.
        """
        if clip_length < 1:
            raise UserError(f"clip length is {clip_length}, the least is 1: use a longer clip")
        self._config = bundle.model.config
        self._state = nnx.state(bundle.model)
        self._text = _encode_text(self._config, self._state, tokenize(bundle.prompts))
        self._planes = bundle.planes
        self._input_size = bundle.input_size
        self._clip_length = clip_length
        # With copies of the first frame before the video, or of the last one after it, a window never leaves the video.
        self._ahead = bundle.direction == Direction.LOOK_AHEAD
        self._reach = bundle.step * (WINDOW_LENGTH - 1)
        order = range(WINDOW_LENGTH) if self._ahead else reversed(range(WINDOW_LENGTH))
        self._windows = np.arange(clip_length)[:, None] + bundle.step * np.array(list(order))

    def probabilities(self, frames: Iterable[Frame]) -> Iterator[Float32[np.ndarray, "h w"]]:
        """Yields the gas probability of each pixel of each frame of one video, at the frames' own size.

        The probabilities of frame i depend on the frames of its window, i and i + step and i + 2 step, or before it if
        the model's direction is past only, and whatever of the past its input planes hold. Where a window reaches past
        an end of the video, the frame at that end stands in, as in training. At most `clip_length` frames are read
        ahead of the results, and 2 step more by a model that looks ahead.
        """
        frames = iter(frames)
        first = next(frames, None)
        if first is None:
            return
        past: Features = []
        unanswered, early = 0, self._reach if self._ahead else 0  # windows that begin before the video
        for features, count in self._features(self._network_planes(chain([first], frames))):
            unanswered += count
            if unanswered == 0:
                return
            past = past or [jnp.repeat(level[:1], self._reach, axis=0) for level in features]
            timeline = [jnp.concatenate(levels) for levels in zip(past, features, strict=True)]
            past = [level[-self._reach :] for level in timeline]
            windows = [level[self._windows] for level in timeline]
            logits = np.asarray(segment_windows(self._config, self._state, windows, self._text, size=self._input_size))
            answers = logits[early:][:unanswered]
            early = max(early - len(logits), 0)
            unanswered -= len(answers)
            for answer in answers:
                yield native_probability(answer, first.shape[:2])

    def _network_planes(self, frames: Iterable[Frame]) -> Iterator[Float32[np.ndarray, "h w 3"]]:
        stream = input_planes(self._planes).stream()
        for frame in frames:
            yield resize(stream.push(frame), self._input_size)

    def _features(self, planes: Iterator[Float32[np.ndarray, "h w 3"]]) -> Iterator[tuple[Features, int]]:
        """Yields the features of a clip after the other, and how many of its frames are new.

        Once the video has ended, its last frame goes on for ever.
        """
        features: Features = []
        while clip := list(islice(planes, self._clip_length)):
            filled = np.stack([*clip, *repeat(clip[-1], self._clip_length - len(clip))])
            features = encode_clip(self._config, self._state, filled, planes=self._planes)
            yield features, len(clip)
        last = [jnp.broadcast_to(level[-1:], level.shape) for level in features]
        while True:
            yield last, 0


@partial(jax.jit, static_argnames="config")
def _encode_text(config: JvlgsConfig, state: nnx.State, tokens: PromptTokens) -> Float[Array, "p d"]:
    return _model(config, state).encode_text(tokens)


@partial(jax.jit, static_argnames=("config", "planes"))
def encode_clip(config: JvlgsConfig, state: nnx.State, clip: Float[Array, "t h w 3"], *, planes: str) -> Features:
    """The features of a clip's frames: the first of the two compiled calls that do a segmenter's work."""
    features = _model(config, state).encode_video(input_planes(planes).normalize(clip)[None])
    return [level[0] for level in features]


@partial(jax.jit, static_argnames=("config", "size"))
def segment_windows(
    config: JvlgsConfig,
    state: nnx.State,
    windows: list[Float[Array, "w 3 _ _ _"]],
    text: Float[Array, "p d"],
    *,
    size: tuple[int, int],
) -> Float32[Array, "w h w2"]:
    """The logits of windows of three frames' features: the second of the two."""
    output = _model(config, state).segment(windows, text, size)
    return output.logits[:, 0, ..., 0].astype(jnp.float32)


def _model(config: JvlgsConfig, state: nnx.State) -> Jvlgs:
    """The network in eval mode, whatever mode its state comes from."""
    model = abstract_model(config)
    model.eval()
    return nnx.merge(nnx.graphdef(model), state)
