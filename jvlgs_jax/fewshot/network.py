"""The network as pure functions of its parameters, cut where adaptation needs it.

The text encoder is frozen and the features of the prompts are computed once. BatchNorm keeps its running statistics: a
handful of frames is no sample of them.
"""

from dataclasses import dataclass
from functools import partial
from typing import Protocol, no_type_check, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PyTree

from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.prompts import PromptTokens, tokenize
from jvlgs_jax.interop.model_folder import ModelBundle, abstract_model
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig
from jvlgs_jax.models.multi_scale import InputSizes, encode_looks

TEXT = "text_encoder/.*"
ENCODER_PARTS = frozenset({"video_encoder", "receptive_fields", "details"})  # what `Jvlgs.encode_video` runs


@dataclass(frozen=True)
class Network:
    """What is known of a network beside its numbers; hashable, so that one compiled program serves every task.

    Attributes:
        config: its sizes.
        planes: name of its input planes.
        sizes: that it sees every frame at.
    """

    config: JvlgsConfig
    planes: str
    sizes: InputSizes

    def model(self, variables: "Variables") -> Jvlgs:
        """The network with these numbers, in evaluation mode."""
        model = abstract_model(self.config)
        model.eval()
        graphdef, *_ = nnx.split(model, nnx.Param, ...)
        return nnx.merge(graphdef, variables.params, variables.rest)


@no_type_check  # JAX also builds it with shapes or None in place of arrays
@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Variables:
    """A network's numbers.

    Attributes:
        params: its parameters.
        rest: running statistics of BatchNorm.
        text: features of its prompts.
    """

    params: PyTree
    rest: PyTree
    text: Float[Array, "p d"]


@runtime_checkable
class Forward(Protocol):
    """The network in two steps: what adaptation leaves alone, done once for each clip, and what it changes."""

    @property
    def network(self) -> Network:
        """Of which network."""
        ...

    def inputs(self, variables: Variables, planes: Float[Array, "b 3 h w 3"]) -> PyTree:
        """What `logits` starts from."""
        ...

    def logits(self, variables: Variables, inputs: PyTree) -> Float[Array, "b 1 h w 1"]:
        """Logits of the frame that each clip's window asks about, as `predict` will see them."""
        ...


@dataclass(frozen=True)
class WholeNetwork:
    """All of the network runs again in every step: for methods that change the encoder."""

    network: Network

    def inputs(self, variables: Variables, planes: Float[Array, "b 3 h w 3"]) -> list[Float[Array, "b 3 _ _ 3"]]:
        """The planes in the network's range, for each look."""
        return self.network.sizes.looks(planes, input_planes(self.network.planes).normalize)

    def logits(self, variables: Variables, inputs: list[Float[Array, "b 3 _ _ 3"]]) -> Float[Array, "b 1 h w 1"]:
        """Logits at the network's main size."""
        model = self.network.model(variables)
        return self.network.sizes.segment(model, encode_looks(model, inputs), variables.text)


@dataclass(frozen=True)
class BehindEncoder:
    """The encoder's features are kept: for methods that leave it alone."""

    network: Network

    def inputs(self, variables: Variables, planes: Float[Array, "b 3 h w 3"]) -> list[Float[Array, "b 3 _ _ _"]]:
        """The features of all frames, look by look."""
        normalize = input_planes(self.network.planes).normalize
        return self.network.sizes.encode(self.network.model(variables), planes, normalize)

    def logits(self, variables: Variables, inputs: list[Float[Array, "b 3 _ _ _"]]) -> Float[Array, "b 1 h w 1"]:
        """Logits at the network's main size."""
        return self.network.sizes.segment(self.network.model(variables), inputs, variables.text)


def forward_for(network: Network, changed: set[str]) -> Forward:
    """Returns the forward pass that does least in every step, where the parameters with these paths change."""
    touches_encoder = any(path.split("/")[0] in ENCODER_PARTS for path in changed)
    return WholeNetwork(network) if touches_encoder else BehindEncoder(network)


def take_apart(bundle: ModelBundle) -> tuple[Network, Variables]:
    """Returns a model as what is known of it and its numbers."""
    network = Network(bundle.model.config, bundle.planes, bundle.sizes)
    _, params, rest = nnx.split(bundle.model, nnx.Param, ...)
    unread = jnp.zeros((1, 1))  # no text yet
    text = _encode_text(network, Variables(params=params, rest=rest, text=unread), tokenize(bundle.prompts))
    return network, Variables(params=params, rest=rest, text=text)


@partial(jax.jit, static_argnames="network")
def _encode_text(network: Network, variables: Variables, tokens: PromptTokens) -> Float[Array, "p d"]:
    return network.model(variables).encode_text(tokens)


@partial(jax.jit, static_argnames="forward")
def compute_inputs(forward: Forward, variables: Variables, planes: Float[Array, "b 3 h w 3"]) -> PyTree:
    """`forward.inputs`, compiled once for a network and a number of clips."""
    return forward.inputs(variables, planes)


@partial(jax.jit, static_argnames="forward")
def compute_logits(forward: Forward, variables: Variables, inputs: PyTree) -> Float[Array, "b 1 h w 1"]:
    """`forward.logits`, compiled once for a network and a number of clips."""
    return forward.logits(variables, inputs).astype(jnp.float32)


def first_logits(forward: Forward, variables: Variables, inputs: PyTree) -> Float[np.ndarray, "h w"]:
    """The logits of one clip."""
    return np.asarray(compute_logits(forward, variables, inputs))[0, 0, ..., 0]
