"""Gas probabilities of several live videos at once: one network call a frame for all, which encodes it once."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Float32, UInt8

from jvlgs_jax.data.clips import WINDOW_LENGTH
from jvlgs_jax.data.gain import Frame
from jvlgs_jax.data.planes import PlaneStream, input_planes
from jvlgs_jax.data.prompts import tokenize
from jvlgs_jax.data.resize import resize
from jvlgs_jax.data.sampling import Direction
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.postprocess import native_probability
from jvlgs_jax.inference.segmenter import SegmenterMemory, StartsView, encode_text, evaluated_model, same_view
from jvlgs_jax.interop.model_folder import ModelBundle
from jvlgs_jax.models.jvlgs import JvlgsConfig
from jvlgs_jax.models.multi_scale import InputSizes

Carry = list[Float[Array, "s k _ _ _"]]
"""Features of the last k frames of each of s videos, oldest first: as far back as a window reaches."""

LiveFrame = UInt8[np.ndarray, "_ _ _"] | Float32[np.ndarray, "_ _ _"] | None
"""A `Frame` of any size, or none."""


class StreamUse(NamedTuple):
    """How a model is run on a stream, beside its config: what the compiled step depends on."""

    planes: str
    sizes: InputSizes
    step: int
    direction: Direction


class StreamingSegmenter:
    """Runs a model over several live videos together; each may have its own size, and begin and end when it likes.

    Every frame is encoded once. Its features stay on the device with those of the last 2 step frames before it, in a
    carry that never grows. Results are those of a `Segmenter`, up to the rounding of another batch size. A model that
    looks ahead answers 2 step frames late, one that looks back at once.
    """

    def __init__(self, bundle: ModelBundle, streams: int = 1) -> None:
        """Compiles nothing yet: that happens once, see `compile`. UserError for less than one stream."""
        if streams < 1:
            raise UserError(f"streams is {streams}, the least is 1: give one for each camera")
        self._config = bundle.model.config
        self._state = nnx.state(bundle.model)
        self._text = encode_text(self._config, self._state, tokenize(bundle.prompts))
        self._use = StreamUse(bundle.planes, bundle.sizes, bundle.step, bundle.direction)
        self._carry: Carry | None = None
        self._videos = [_LiveVideo(bundle) for _ in range(streams)]

    @property
    def delay(self) -> int:
        """How many frames of a video must follow a frame before it is answered."""
        return self._videos[0].delay

    def compile(self) -> None:
        """Makes the first frame as quick as the others, which would else wait for the network to be compiled."""
        planes, nothing = self._no_planes(), np.zeros(len(self._videos), bool)
        carry = empty_carry(self._config, self._state, planes.shape, self._use)
        answer = stream_step(self._config, self._state, carry, planes, self._text, nothing, nothing, use=self._use)
        jax.block_until_ready(answer)

    def push(self, frames: Sequence[LiveFrame], *, starts_view: Sequence[bool] = ()) -> list[np.ndarray | None]:
        """Takes the next frame of each video, in order; returns the probabilities "h w" of the frame `delay` before it.

        Args:
            frames: one for each stream; None where there is no new one.
            starts_view: where the camera of a stream has moved; input planes forget what they held of its old view.

        None where there is no answer: no new frame, or too few yet.
        """
        if len(frames) != len(self._videos):
            raise ValueError(f"{len(frames)} frames for {len(self._videos)} streams: give one for each, or None")
        planes = self._no_planes()
        for index, (video, frame) in enumerate(zip(self._videos, frames, strict=True)):
            if frame is not None:
                planes[index] = video.see(frame, starts_view=bool(starts_view) and starts_view[index])
        return self._step(planes, [frame is not None for frame in frames])

    def finish(self, stream: int = 0) -> list[Float32[np.ndarray, "h w"]]:
        """Ends one video and returns the probabilities still owed; the last frame stands in for those after it.

        The next frame of this stream begins another video.
        """
        video = self._videos[stream]
        owed = []
        planes = self._no_planes()
        planes[stream] = video.last
        while video.unanswered:
            answer = self._step(planes, [index == stream for index in range(len(self._videos))])[stream]
            owed += [] if answer is None else [answer]
        video.begin()
        return owed

    def probabilities(
        self, frames: Iterable[Frame], *, starts_view: StartsView = same_view, memory: SegmenterMemory | None = None
    ) -> Iterator[Float32[np.ndarray, "h w"]]:
        """Yields the probabilities of each frame of one video as a `Segmenter` does, but never waits for a clip.

        The first frame is asked for once the network is compiled, as a live video would lose what comes meanwhile. Of
        `memory` only the count of answers is kept up to date: nobody can go on with what is left of a live video.
        """
        memory = SegmenterMemory() if memory is None else memory
        if self._carry is None:
            self.compile()
        for frame in frames:
            (answer,) = self.push([frame], starts_view=[starts_view(frame)])
            if answer is not None:
                memory.answered += 1
                yield answer
        for answer in self.finish():
            memory.answered += 1
            yield answer

    def _no_planes(self) -> Float32[np.ndarray, "s H W 3"]:
        return np.zeros((len(self._videos), *self._use.sizes.main, 3), np.float32)

    def _step(self, planes: np.ndarray, fresh: list[bool]) -> list[np.ndarray | None]:
        first = np.array([video.is_new for video in self._videos])
        if self._carry is None:
            self._carry = empty_carry(self._config, self._state, planes.shape, self._use)
        self._carry, logits = stream_step(
            self._config, self._state, self._carry, planes, self._text, first, np.array(fresh), use=self._use
        )
        shown = np.asarray(logits)
        return [
            video.answer(each) if new else None for video, each, new in zip(self._videos, shown, fresh, strict=True)
        ]


class _LiveVideo:
    """What is kept of one video on the host: its planes and how many answers it is owed."""

    def __init__(self, bundle: ModelBundle) -> None:
        self._planes = input_planes(bundle.planes)
        self._input_size = bundle.input_size
        self.delay = bundle.step * (WINDOW_LENGTH - 1) if bundle.direction == Direction.LOOK_AHEAD else 0
        self.begin()

    def begin(self) -> None:
        self._stream: PlaneStream = self._planes.stream()
        self._size = (0, 0)
        self._encoded = 0
        self.unanswered = 0
        self.last = np.zeros((*self._input_size, 3), np.float32)

    @property
    def is_new(self) -> bool:
        """Whether no frame of it has been encoded."""
        return self._encoded == 0

    def see(self, frame: Frame, *, starts_view: bool) -> Float32[np.ndarray, "H W 3"]:
        self._size = frame.shape[:2]
        if starts_view:
            self._stream = self._planes.stream()
        self.last = resize(self._stream.push(frame), self._input_size)
        self.unanswered += 1
        return self.last

    def answer(self, logits: np.ndarray) -> np.ndarray | None:
        """Takes what the network says after another frame; the answers before the video began are left out."""
        self._encoded += 1
        if self._encoded <= self.delay:
            return None
        self.unanswered -= 1
        return native_probability(logits, self._size)


def empty_carry(config: JvlgsConfig, state: nnx.State, shape: tuple[int, ...], use: StreamUse) -> Carry:
    """A carry to start with, for planes of `shape` (s, h, w, 3); the first frame of a stream fills its own."""
    planes = jax.ShapeDtypeStruct(shape, jnp.float32)
    features = jax.eval_shape(partial(_encode, config, use=use), state, planes)
    reach = use.step * (WINDOW_LENGTH - 1)
    return [jnp.zeros((shape[0], reach, *level.shape[2:]), level.dtype) for level in features]


@partial(jax.jit, static_argnames=("config", "use"), donate_argnames="carry")
def stream_step(
    config: JvlgsConfig,
    state: nnx.State,
    carry: Carry,
    planes: Float32[Array, "s h w 3"] | Float32[np.ndarray, "s h w 3"],
    text: Float[Array, "p d"],
    first: Bool[Array, " s"] | Bool[np.ndarray, " s"],
    fresh: Bool[Array, " s"] | Bool[np.ndarray, " s"],
    *,
    use: StreamUse,
) -> tuple[Carry, Float32[Array, "s h w"]]:
    """One frame of every stream: the next carry, and the logits of the frame that each window answers for.

    `first` marks streams whose video begins, so that this frame stands in for those before it; the carry of a stream
    that is not `fresh` stays as it is.
    """
    features = _encode(config, state, jnp.asarray(planes), use=use)
    past = [jnp.where(_wide(first), new, old) for new, old in zip(features, carry, strict=True)]
    timeline = [jnp.concatenate([old, new], 1) for old, new in zip(past, features, strict=True)]
    order = slice(None, None, use.step if use.direction == Direction.LOOK_AHEAD else -use.step)
    logits = use.sizes.segment(evaluated_model(config, state), [level[:, order] for level in timeline], text)
    kept = [jnp.where(_wide(fresh), level[:, 1:], old) for level, old in zip(timeline, carry, strict=True)]
    return kept, logits[:, 0, ..., 0].astype(jnp.float32)


def _encode(config: JvlgsConfig, state: nnx.State, planes: Array, *, use: StreamUse) -> list[Array]:
    return use.sizes.encode(evaluated_model(config, state), planes[:, None], input_planes(use.planes).normalize)


def _wide(mask: Bool[Array, " s"] | Bool[np.ndarray, " s"]) -> Bool[Array, "s 1 1 1 1"]:
    return jnp.asarray(mask)[:, None, None, None, None]
