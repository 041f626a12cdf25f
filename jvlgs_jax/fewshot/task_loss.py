"""The network's loss on clips of a task, as a function of its parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key, PyTree

from jvlgs_jax.data.batches import Batch
from jvlgs_jax.data.planes import InputPlanes
from jvlgs_jax.fewshot.network import ENCODER_PARTS
from jvlgs_jax.models.jvlgs import Jvlgs
from jvlgs_jax.training.losses import LossFunction
from jvlgs_jax.training.precision import cast_parameters
from jvlgs_jax.training.text_features import TextFeatures


class Prepared(NamedTuple):
    """Clips after all that training leaves as it is, and their truth."""

    inputs: PyTree
    mask: Float[Array, "b s h w 1"]
    ignored: Float[Array, "b s h w 1"] | None


@dataclass(frozen=True, kw_only=True)
class TaskLoss:
    """The loss of a network on prepared clips; computes in `dtype`, the loss itself in float32.

    BatchNorm keeps its running statistics: a handful of clips of one scene is no sample of them.

    Attributes:
        graphdef: structure of the network.
        rest: its variables that are not trained.
        encodes: whether features of the video are computed in each call, as the encoder is trained; otherwise once, by
            `prepare`.
        loss: from logits and truth.
        planes: the network's input.
        text: where features of the prompts come from.
        dtype: of the arithmetic.
    """

    graphdef: nnx.GraphDef
    rest: Sequence[nnx.State]
    encodes: bool
    loss: LossFunction
    planes: InputPlanes
    text: TextFeatures
    dtype: jnp.dtype

    def prepare(self, params: nnx.State, clips: Batch) -> Prepared:
        """Returns what the loss starts from: features of the clips, or the clips in the network's range."""
        inputs: Any = self.planes.normalize(jnp.asarray(clips.planes)).astype(self.dtype)
        if not self.encodes:
            inputs = self._model(params).encode_video(inputs)
        return Prepared(inputs, jnp.asarray(clips.mask), None if clips.ignored is None else jnp.asarray(clips.ignored))

    def __call__(self, params: nnx.State, clips: Prepared, key: Key[Array, ""]) -> Float[Array, ""]:
        """Returns the loss; the network draws nothing with the key."""
        return self.loss(self.logits(params, clips), clips.mask, clips.ignored).total

    def logits(self, params: nnx.State, clips: Prepared) -> Float[Array, "b s h w 1"]:
        """Returns the logits of prepared clips."""
        model = self._model(params)
        text = self.text(model)
        height, width = clips.mask.shape[-3:-1]
        output = model(clips.inputs, text) if self.encodes else model.segment(clips.inputs, text, (height, width))
        return output.logits.astype(jnp.float32)

    def _model(self, params: nnx.State) -> Jvlgs:
        cast = [cast_parameters(state, self.dtype) for state in (params, *self.rest)]
        model = nnx.merge(self.graphdef, *cast, copy=True)
        model.eval()
        return model


def trains_encoder(params: nnx.State) -> bool:
    """Tells if any of these parameters is one that `Jvlgs.encode_video` uses."""
    return any(path[0] in ENCODER_PARTS for path, _ in nnx.to_flat_state(params))
