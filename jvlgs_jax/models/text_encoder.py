"""Text encoder: the CLIP-type text transformer of OWLv2."""

import dataclasses
from typing import cast

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float
from transformers import CLIPTextConfig
from transformers.models.clip.modeling_flax_clip import FlaxCLIPTextModule

from jvlgs_jax.data.prompts import PromptTokens
from jvlgs_jax.errors import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextEncoderConfig:
    """Sizes of the transformer; the defaults are those of OWLv2-base-patch16.

    UserError for sizes that no network can have.
    """

    width: int = 512
    mlp_width: int = 2048
    layers: int = 12
    heads: int = 8
    positions: int = 16
    vocabulary: int = 49408

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            size = getattr(self, field.name)
            if size < 1:
                raise UserError(f"model.text.{field.name} is {size}, the least is 1: that of OWLv2 is {field.default}")
        if self.width % self.heads:
            raise UserError(
                f"model.text.width is {self.width}, it must be a multiple of heads, {self.heads}: change one of the two"
            )

    @classmethod
    def tiny(cls) -> "TextEncoderConfig":
        """One narrow layer over the whole vocabulary, for tests and for small models without text weights."""
        return cls(width=32, mlp_width=64, layers=1, heads=2)


class TextEncoder(nnx.Module):
    """Turns each prompt into one vector: the final state at its end-of-text token.

    The network is transformers' Flax CLIP text model, applied as a plain function; its parameters live here under
    their Flax names.
    """

    def __init__(self, config: TextEncoderConfig, *, rngs: nnx.Rngs):
        self.config = config
        tokens = jnp.ones((1, 2), jnp.int32)
        variables = self._module(jnp.dtype("float32")).init(rngs.params(), tokens, tokens, tokens)
        self.params = nnx.data(jax.tree.map(nnx.Param, variables["params"]))

    def _module(self, dtype: jnp.dtype) -> FlaxCLIPTextModule:
        config = self.config
        clip = CLIPTextConfig(
            hidden_size=config.width,
            intermediate_size=config.mlp_width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            max_position_embeddings=config.positions,
            vocab_size=config.vocabulary,
            eos_token_id=2,  # transformers' mark for "the end of text is the largest id"
        )
        return FlaxCLIPTextModule(clip, dtype=dtype)

    def __call__(self, tokens: PromptTokens) -> Float[Array, "p d"]:
        """One vector a prompt, not normalised and not projected."""
        params = jax.tree.map(lambda param: param[...], self.params, is_leaf=lambda x: isinstance(x, nnx.Param))
        dtype = jax.tree.leaves(params)[0].dtype
        ids, mask = jnp.asarray(tokens.ids), jnp.asarray(tokens.mask)
        positions = jnp.broadcast_to(jnp.arange(ids.shape[-1]), ids.shape)
        output = self._module(dtype).apply({"params": params}, ids, mask, positions, return_dict=False)
        _, pooled = cast(tuple[Array, Array], output)
        return pooled
