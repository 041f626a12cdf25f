"""Vision-language fusion (VLF): the published projection onto the prompts, and attention to any set of them."""

from collections.abc import Callable

from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.kernels.cross_attention import cross_attention
from jvlgs_jax.models.convolution import default_kernel_init

Fused = Callable[[Float[Array, "*b h w c"]], Float[Array, "*b h w c"]]
"""Takes one pyramid level to its fusion with a prompt set."""


class VisionLanguageFusion(nnx.Module):
    """Projects features to the text's width, takes the dot product with each prompt and projects back.

    All three steps are linear without bias, so for a fixed prompt set they are one channels x channels matrix of
    rank at most P. It is computed once and applied to every level of every frame.
    """

    def __init__(self, channels: int, text_width: int, num_prompts: int, *, rngs: nnx.Rngs):
        def linear(inputs: int, outputs: int) -> nnx.Linear:
            return nnx.Linear(inputs, outputs, use_bias=False, kernel_init=default_kernel_init, rngs=rngs)

        self.num_prompts = num_prompts
        self.visual = linear(channels, text_width)
        self.back = linear(num_prompts, channels)

    def matrix(self, text: Float[Array, "p d"]) -> Float[Array, "c c"]:
        """The fused map of a prompt set, to be applied as `features @ matrix`."""
        return self.visual.kernel[...] @ text.T @ self.back.kernel[...]

    def __call__(self, text: Float[Array, "p d"]) -> Fused:
        """Prepares the fusion with a prompt set; ValueError unless it has as many prompts as the fusion was built for.

        What the features hold beside their product with the prompts is lost, as published.
        """
        if text.shape[0] != self.num_prompts:
            raise ValueError(f"text: {text.shape[0]} prompts, but this network was built for {self.num_prompts}")
        matrix = self.matrix(text)
        return lambda features: features @ matrix.astype(features.dtype)


class PromptAttention(nnx.Module):
    """Multi-head attention from every position to the prompts, added to the features.

    No weight depends on how many prompts there are or on their order, so that prompts can be changed, added and
    removed when the network is used. Ours; the published fusion is `VisionLanguageFusion`.
    """

    def __init__(self, channels: int, text_width: int, heads: int, *, rngs: nnx.Rngs):
        self.heads = heads
        self.norm = nnx.LayerNorm(channels, epsilon=1e-6, rngs=rngs)
        self.query = nnx.Linear(channels, channels, rngs=rngs)
        self.text_norm = nnx.LayerNorm(text_width, epsilon=1e-6, rngs=rngs)
        self.key_value = nnx.Linear(text_width, 2 * channels, rngs=rngs)
        self.projection = nnx.Linear(channels, channels, rngs=rngs)
        self.implementation: str | None = None  # of the attention; see Jvlgs

    def __call__(self, text: Float[Array, "p d"]) -> Fused:
        """Prepares the fusion with a prompt set of any size."""
        prompts = text.shape[0]
        key_value = self.key_value(self.text_norm(text)).reshape(prompts, 2, self.heads, -1)

        def fuse(features: Float[Array, "*b h w c"]) -> Float[Array, "*b h w c"]:
            head_dim = features.shape[-1] // self.heads
            query = self.query(self.norm(features)).reshape(-1, self.heads, head_dim)
            key, value = key_value[:, 0].astype(query.dtype), key_value[:, 1].astype(query.dtype)
            attended = cross_attention(query, key, value, scale=head_dim**-0.5, implementation=self.implementation)
            return features + self.projection(attended.reshape(features.shape))

        return fuse
