"""Random draws in a fixed order from one key."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

Range = tuple[float, float]

_NUMBERS = 1024  # of each distribution, drawn at once: a generator call for each would take a minute to compile
_KEYS = 16


class Draws:
    """Hands out independent random numbers in order: adding a draw at the end leaves the earlier ones alone."""

    def __init__(self, key: Key[Array, ""]) -> None:
        """Starts from `key`, which no one else may use."""
        even, normal, keys = jax.random.split(key, 3)
        self._even = jax.random.uniform(even, (_NUMBERS,))
        self._normal = jax.random.normal(normal, (_NUMBERS,))
        self._keys = jax.random.split(keys, _KEYS)
        self._used = {"even": 0, "normal": 0, "keys": 0}

    def key(self) -> Key[Array, ""]:
        """A fresh key."""
        return self._keys[self._take("keys", 1, _KEYS)][0]

    def unit(self, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Evenly from 0 to below 1."""
        return self._even[self._take("even", math.prod(shape), _NUMBERS)].reshape(shape)

    def normal(self, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Standard normal."""
        return self._normal[self._take("normal", math.prod(shape), _NUMBERS)].reshape(shape)

    def uniform(self, between: Range, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Evenly between the two ends."""
        return between[0] + (between[1] - between[0]) * self.unit(shape)

    def log_uniform(self, between: Range, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Evenly in the logarithm; both ends positive."""
        return between[0] * (between[1] / between[0]) ** self.unit(shape)

    def chance(self, probability: float, shape: tuple[int, ...] = ()) -> Bool[Array, "..."]:
        """True with the given probability."""
        return self.unit(shape) < probability

    def integer(self, count: int, shape: tuple[int, ...] = ()) -> Int[Array, "..."]:
        """0 to count - 1, evenly."""
        return jnp.floor(count * self.unit(shape)).astype(int)

    def category(self, weights: tuple[float, ...], shape: tuple[int, ...] = ()) -> Int[Array, "..."]:
        """0 to len(weights) - 1, in proportion to the weights."""
        ends = jnp.cumsum(jnp.asarray(weights)) / sum(weights)
        return jnp.sum(self.unit(shape)[..., None] >= ends[:-1], axis=-1)

    def phase(self, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """An angle, 0 to 2 pi."""
        return 2 * jnp.pi * self.unit(shape)

    def _take(self, what: str, count: int, limit: int) -> slice:
        first = self._used[what]
        self._used[what] += count
        if self._used[what] > limit:
            raise ValueError(f"{self._used[what]} {what} drawn, {limit} made: raise the limit in draws.py")
        return slice(first, first + count)
