"""Vision-language fusion (VLF)."""

from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.models.convolution import default_kernel_init


class VisionLanguageFusion(nnx.Module):
    """Projects features to the text's width, takes the dot product with each prompt and projects back.

    All three steps are linear without bias, so for a fixed prompt set they are one channels x channels matrix of
    rank at most P. It is computed once and applied to every level of every frame.
    """

    def __init__(self, channels: int, text_width: int, num_prompts: int, *, rngs: nnx.Rngs):
        def linear(inputs: int, outputs: int) -> nnx.Linear:
            return nnx.Linear(inputs, outputs, use_bias=False, kernel_init=default_kernel_init, rngs=rngs)

        self.visual = linear(channels, text_width)
        self.back = linear(num_prompts, channels)

    def matrix(self, text: Float[Array, "p d"]) -> Float[Array, "c c"]:
        """The fused map of a prompt set, to be applied as `features @ matrix`."""
        return self.visual.kernel[...] @ text.T @ self.back.kernel[...]
