"""How a network adapts to a site: the interface, and the methods by name.

| name | what changes |
|---|---|
| `decoder` | the decoder and the fusion of the frame pairs |
| `heads` | the last 1 x 1 convolution and the fusion of the frame pairs |
| `batch_norm` | scale and bias of every BatchNorm |
| `low_rank` | thin matrices added to the attention's and the MLPs' kernels |
| `all` | everything but the text encoder |
| `prototype` | the last 1 x 1 convolution, from mean features of gas and of background |
| `inner_loop` | as `decoder`, by the few plain steps that a meta-trained start was made for |
| `scratch` | everything but the text encoder, from random weights: what adaptation is compared with |

Settings follow the name as in `decoder:learning_rate=0.001,steps=24`.
"""

import difflib
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot import parametrization
from jvlgs_jax.fewshot.fine_tuning import FineTuning
from jvlgs_jax.fewshot.gradient_descent import GradientDescent
from jvlgs_jax.fewshot.network import Forward, Network, Variables
from jvlgs_jax.fewshot.parametrization import LowRankAdapters, SomeParameters
from jvlgs_jax.fewshot.pool import Pool
from jvlgs_jax.fewshot.prototypes import Prototypes
from jvlgs_jax.fewshot.scratch import FromScratch
from jvlgs_jax.inference.settings import parse_settings, with_settings


@runtime_checkable
class AdaptationMethod(Protocol):
    """One way to learn from a support set, a little at first and then more; a frozen dataclass of settings."""

    @property
    def variants(self) -> int:
        """How many clips it wants of each support frame, the first as it was recorded."""
        ...

    @property
    def amounts(self) -> tuple[float, ...]:
        """How far each candidate has gone, 0 first: steps, or shares."""
        ...

    @property
    def starts_anew(self) -> bool:
        """Whether its first candidate is another network than the one it is given, which then sets it no limit."""
        ...

    @property
    def unjudged(self) -> int:
        """Number of the candidate to take where none can be judged by frames left out."""
        ...

    def forward(self, network: Network, variables: Variables) -> Forward:
        """The forward pass that its candidates share."""
        ...

    def candidates(
        self, forward: Forward, variables: Variables, pool: Pool, members: Sequence[int]
    ) -> Iterator[Variables]:
        """Yields the network at each of `amounts`, learned from some frames of the pool by number."""
        ...


METHODS: dict[str, FineTuning | Prototypes | GradientDescent] = {
    "decoder": FineTuning(SomeParameters(parametrization.DECODER), learning_rate=1e-3),
    "heads": FineTuning(SomeParameters(parametrization.HEADS), learning_rate=3e-3),
    "batch_norm": FineTuning(SomeParameters(parametrization.BATCH_NORMS), learning_rate=3e-3),
    "low_rank": FineTuning(LowRankAdapters(parametrization.ATTENTION), learning_rate=1e-3),
    "all": FineTuning(SomeParameters(parametrization.EVERYTHING), learning_rate=3e-4),
    "prototype": Prototypes(),
    "inner_loop": GradientDescent(SomeParameters(parametrization.DECODER)),
    "scratch": FromScratch(),
}


def adaptation_method(text: str) -> AdaptationMethod:
    """Returns the method that `text` names, perhaps with settings; UserError for any other text."""
    name, _, settings = text.partition(":")
    if name not in METHODS:
        guess = difflib.get_close_matches(name, METHODS, n=1)
        hint = f"did you mean {guess[0]!r}?" if guess else "use one of them"
        raise UserError(f"unknown method {name!r}: the choices are {', '.join(METHODS)}; {hint}")
    return with_settings(METHODS[name], parse_settings(settings, f"method {text!r}", f"{name}:"), f"method {name}")
