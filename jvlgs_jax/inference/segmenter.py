"""Gas probabilities for every frame of a video, in one pass and bounded memory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, repeat

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Float32

from jvlgs_jax.data.clips import WINDOW_LENGTH
from jvlgs_jax.data.gain import Frame
from jvlgs_jax.data.planes import PlaneMemory, input_planes
from jvlgs_jax.data.prompts import PromptTokens, tokenize
from jvlgs_jax.data.resize import resize
from jvlgs_jax.data.sampling import Direction
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.postprocess import native_probability
from jvlgs_jax.interop.model_folder import ModelBundle, abstract_model
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig
from jvlgs_jax.models.multi_scale import InputSizes

CLIP_LENGTH = 8  # frames a network call
Features = list[Float[Array, "t _ _ _"]]  # of each of t frames, as `InputSizes.encode` makes them

StartsView = Callable[[Frame], bool]
"""Is asked of each frame of a video, in order, whether the camera shows a new view from it on."""


def same_view(frame: Frame) -> bool:
    """Says of every frame that the camera has not moved."""
    return False


@dataclass
class SegmenterMemory:
    """What a segmenter keeps of a video between two network calls; with it, another one goes on exactly from there.

    Attributes:
        planes: of the frames read so far; None before the first.
        past: features of the last frames, as far back as a window reaches.
        early: windows that began before the video and are still to be left out.
        unanswered: frames read whose windows are not complete.
        answered: frames whose probabilities have been computed.
    """

    planes: PlaneMemory | None = None
    past: list[Float32[np.ndarray, "t _ _ _"]] = field(default_factory=list)
    early: int = 0
    unanswered: int = 0
    answered: int = 0


class Segmenter:
    """Runs a model over videos of any length and size; the bundle's model itself is left as it is.

    Every frame is encoded once, and its features are kept until the last window that needs them. The network is
    compiled once, also across segmenters of one architecture, input sizes and clip length.
    """

    def __init__(self, bundle: ModelBundle, clip_length: int = CLIP_LENGTH) -> None:
        """A longer clip is faster and takes more memory; the results are the same.

        Args:
            bundle: the model with its prompts, input planes, input sizes and windows.
            clip_length: frames a network call. UserError below 1.
        """
        if clip_length < 1:
            raise UserError(f"clip length is {clip_length}, the least is 1: use a longer clip")
        self._config = bundle.model.config
        self._state = nnx.state(bundle.model)
        self._text = encode_text(self._config, self._state, tokenize(bundle.prompts))
        self._planes = bundle.planes
        self._sizes = bundle.sizes
        self._clip_length = clip_length
        # With copies of the first frame before the video, or of the last one after it, a window never leaves the video.
        self._ahead = bundle.direction == Direction.LOOK_AHEAD
        self._reach = bundle.step * (WINDOW_LENGTH - 1)
        order = range(WINDOW_LENGTH) if self._ahead else reversed(range(WINDOW_LENGTH))
        self._windows = np.arange(clip_length)[:, None] + bundle.step * np.array(list(order))

    def probabilities(
        self, frames: Iterable[Frame], *, starts_view: StartsView = same_view, memory: SegmenterMemory | None = None
    ) -> Iterator[Float32[np.ndarray, "h w"]]:
        """Yields the gas probability of each pixel of each frame of one video, at the frames' own size.

        The probabilities of frame i depend on the frames of its window, i and i + step and i + 2 step, or before it if
        the model's direction is past only, and whatever of the past its input planes hold. Where a window reaches past
        an end of the video, the frame at that end stands in, as in training. At most `clip_length` frames are read
        ahead of the results, and 2 step more by a model that looks ahead.

        Args:
            frames: of the video, or of what is left of it to one with a `memory`.
            starts_view: where the camera has moved; input planes forget there what they held of the old view.
            memory: kept up to date, and what to go on from. It is whole whenever the network is called, and whenever
                as many results have been taken as it says were answered.
        """
        memory = SegmenterMemory() if memory is None else memory
        if memory.planes is None:
            memory.early = self._reach if self._ahead else 0
        frames = iter(frames)
        size = (0, 0)
        while clip := list(islice(frames, self._clip_length)):
            size = clip[0].shape[:2]
            for logits in self._answers(self._encode(clip, starts_view, memory), len(clip), memory):
                yield native_probability(logits, size)
        while memory.unanswered:
            last = [jnp.repeat(jnp.asarray(level[-1:]), self._clip_length, axis=0) for level in memory.past]
            for logits in self._answers(last, 0, memory):
                yield native_probability(logits, size)

    def _encode(self, clip: list[Frame], starts_view: StartsView, memory: SegmenterMemory) -> Features:
        """The features of the next frames; a clip that is not full is filled with its last frame."""
        planes = input_planes(self._planes)
        stream = planes.stream(memory.planes)
        seen = []
        for frame in clip:
            if starts_view(frame):
                stream = planes.stream()
            seen.append(resize(stream.push(frame), self._sizes.main))
        memory.planes = stream.memory
        filled = np.stack([*seen, *repeat(seen[-1], self._clip_length - len(seen))])
        return encode_clip(self._config, self._state, filled, planes=self._planes, sizes=self._sizes)

    def _answers(self, features: Features, new: int, memory: SegmenterMemory) -> Float32[np.ndarray, "n h w"]:
        """The logits of the frames whose windows are complete with these features, of which `new` are of new frames."""
        past = memory.past or [jnp.repeat(level[:1], self._reach, axis=0) for level in features]
        timeline = [jnp.concatenate(levels) for levels in zip(past, features, strict=True)]
        windows = [level[self._windows] for level in timeline]
        logits = np.asarray(segment_windows(self._config, self._state, windows, self._text, sizes=self._sizes))
        memory.past = [np.asarray(level[-self._reach :]) for level in timeline]
        memory.unanswered += new
        answers = logits[memory.early :][: memory.unanswered]
        memory.early = max(memory.early - len(logits), 0)
        memory.unanswered -= len(answers)
        memory.answered += len(answers)
        return answers


@partial(jax.jit, static_argnames="config")
def encode_text(config: JvlgsConfig, state: nnx.State, tokens: PromptTokens) -> Float[Array, "p d"]:
    """The features of a prompt set, which stay the same for a whole video."""
    return evaluated_model(config, state).encode_text(tokens)


@partial(jax.jit, static_argnames=("config", "planes", "sizes"))
def encode_clip(
    config: JvlgsConfig, state: nnx.State, clip: Float[Array, "t h w 3"], *, planes: str, sizes: InputSizes
) -> Features:
    """The features of a clip's frames: the first of the two compiled calls that do a segmenter's work."""
    features = sizes.encode(evaluated_model(config, state), clip[None], input_planes(planes).normalize)
    return [level[0] for level in features]


@partial(jax.jit, static_argnames=("config", "sizes"))
def segment_windows(
    config: JvlgsConfig,
    state: nnx.State,
    windows: list[Float[Array, "w 3 _ _ _"]],
    text: Float[Array, "p d"],
    *,
    sizes: InputSizes,
) -> Float32[Array, "w h w2"]:
    """The logits of windows of three frames' features: the second of the two."""
    logits = sizes.segment(evaluated_model(config, state), windows, text)
    return logits[:, 0, ..., 0].astype(jnp.float32)


def evaluated_model(config: JvlgsConfig, state: nnx.State) -> Jvlgs:
    """The network in eval mode, whatever mode its state comes from."""
    model = abstract_model(config)
    model.eval()
    return nnx.merge(nnx.graphdef(model), state)
