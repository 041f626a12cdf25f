"""The implementations by name, and which is best where."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
from jaxtyping import Array

from jvlgs_jax.errors import UserError
from jvlgs_jax.kernels.cross_attention import cudnn, packed, pallas_tpu, reference, xla
from jvlgs_jax.kernels.cross_attention.shapes import Shaped

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class Implementation:
    """One way to compute attention and its gradient.

    Attributes:
        forward: takes query, key, value and `scale`.
        own_backward: takes query, key, value, the gradient of the output, and `scale`; returns three gradients. None:
            JAX derives it from `forward`.
        platforms: where it runs; None is everywhere.
        refuses: returns what keeps it from query, key and value, or None.
    """

    forward: Callable[..., Array]
    own_backward: Callable[..., tuple[Array, Array, Array]] | None = None
    platforms: tuple[str, ...] | None = None
    refuses: Callable[..., str | None] = lambda *arrays: None

    def backward(
        self, query: Array, key: Array, value: Array, upstream: Array, *, scale: float
    ) -> tuple[Array, Array, Array]:
        """Returns the gradients of query, key and value; what they need of the output is computed again.

        Shapes are those of `reference.forward`: `upstream` has that of its output.
        """
        if self.own_backward is not None:
            return self.own_backward(query, key, value, upstream, scale=scale)
        return jax.vjp(partial(self.forward, scale=scale), query, key, value)[1](upstream)


IMPLEMENTATIONS = {
    "reference": Implementation(forward=reference.forward),
    "xla": Implementation(forward=xla.forward, own_backward=xla.backward),
    "packed": Implementation(forward=packed.forward, own_backward=packed.backward),
    "cudnn": Implementation(forward=cudnn.forward, platforms=("cuda", "gpu"), refuses=cudnn.refuses),
    "pallas_tpu": Implementation(
        forward=pallas_tpu.forward,
        own_backward=pallas_tpu.backward,
        platforms=("tpu",),
        refuses=pallas_tpu.refuses,
    ),
}


def find_implementation(name: str, platform: str | None = None) -> Implementation:
    """Returns the implementation called `name`, one of IMPLEMENTATIONS.

    UserError for another name, with the nearest one, and for one that does not run on `platform`.
    """
    if name not in IMPLEMENTATIONS:
        choices = (AUTO, *IMPLEMENTATIONS)
        nearest = difflib.get_close_matches(name, choices, n=1, cutoff=0)[0]
        raise UserError(f"unknown attention {name!r}: did you mean {nearest!r}? The choices are {', '.join(choices)}")
    found = IMPLEMENTATIONS[name]
    if platform is not None and found.platforms is not None and platform not in found.platforms:
        raise UserError(
            f"attention {name!r} runs on {found.platforms[0]}, but the devices are {platform}: use {AUTO!r}"
        )
    return found


def best(platform: str, query: Shaped, key: Shaped, value: Shaped) -> str:
    """Returns the name of the implementation for arrays of these shapes, in a program for `platform`.

    "tpu" takes the kernel if the keys fit in fast memory and are enough to fill registers; "cuda" takes cuDNN, if it is
    there, has an implementation for the shapes and numbers, and keys are not few. Else it is XLA, of several heads and
    few keys packed.
    """
    if platform == "tpu" and pallas_tpu.pays(query, key, value):
        return "pallas_tpu"
    if platform == "cuda" and cudnn.pays(query, key, value):
        return "cudnn"
    return "packed" if packed.pays(query, key, value) else "xla"
