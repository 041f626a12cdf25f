"""Short-key cross-attention: many queries against few keys, in the form that suits the device."""

from jvlgs_jax.kernels.cross_attention.api import cross_attention

__all__ = ["cross_attention"]
