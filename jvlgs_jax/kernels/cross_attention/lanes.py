"""How heads lie side by side in the lanes of a TPU's registers.

The kernels read query, key and value as rows of all heads, which is how linear layers write them: no copy, and no
memory for lanes that a head of 32 or 64 would leave empty. Such a head is never cut out of its 128 lanes. Instead the
keys or values of the others in those lanes are set to zero, and the matrix unit, whose passes are 128 deep and wide
anyway, does no more work than for the head alone.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

LANES = 128


@dataclass(frozen=True)
class HeadGroup:
    """Neighbouring heads whose lanes begin and end where registers do, in query and key and in value."""

    heads: tuple[int, ...]
    width: int
    value_width: int

    @property
    def lanes(self) -> slice:
        """Where the group is in a row of queries or keys."""
        return slice(self.heads[0] * self.width, (self.heads[-1] + 1) * self.width)

    @property
    def value_lanes(self) -> slice:
        """Where it is in a row of values."""
        return slice(self.heads[0] * self.value_width, (self.heads[-1] + 1) * self.value_width)

    def only(self, x: jax.Array, head: int, width: int) -> jax.Array:
        """Returns rows of the group, `width` lanes a head, with zeros in the lanes of all heads but one."""
        if len(self.heads) == 1:
            return x
        first = (head - self.heads[0]) * width
        lane = lax.broadcasted_iota(jnp.int32, x.shape, 1)
        kept = (lane >= first) & (lane < first + width)
        # Through float32: not every TPU selects among narrower numbers.
        return jnp.where(kept, x.astype(jnp.float32), 0).astype(x.dtype)


def head_groups(heads: int, width: int, value_width: int) -> tuple[HeadGroup, ...]:
    """Returns the smallest groups there are; one of all heads if no smaller number of them fills registers."""
    count = math.lcm(LANES // math.gcd(LANES, width), LANES // math.gcd(LANES, value_width))
    return tuple(
        HeadGroup(tuple(range(first, min(first + count, heads))), width, value_width)
        for first in range(0, heads, count)
    )
