"""SIGTERM and Ctrl-C during a training: first save, then end, all processes at the same step."""

import signal
from functools import partial
from types import FrameType, TracebackType

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Int32

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class DeferredInterruption:
    """Inside this context a first Ctrl-C or SIGTERM only sets `requested`: the caller stops where it is safe.

    The signal takes its usual effect when the context ends, and a second one at once. Main thread only.
    """

    def __init__(self) -> None:
        self.requested: signal.Signals | None = None

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.requested is not None:
            self._restore()
            signal.raise_signal(number)
        self.requested = signal.Signals(number)

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def __enter__(self) -> "DeferredInterruption":
        self._previous = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
        if self.requested is not None and kind is None:
            signal.raise_signal(self.requested)


class SharedInterruption:
    """What all processes of a training agree on: a signal to one of them stops them all at the same step.

    With several processes the answer is one step old, so that asking does not wait for the step under way.
    """

    def __init__(self, own: DeferredInterruption) -> None:
        """Shares the signals that `own` receives; a signal to another process sets its `requested` too."""
        self._own = own
        self._answer: Int32[Array, ""] | None = None
        self._whole = NamedSharding(Mesh(np.array(jax.devices()), ("all",)), PartitionSpec())

    def reached(self) -> bool:
        """Whether to stop now. All processes must ask in every step."""
        if jax.process_count() == 1:
            return self._own.requested is not None
        answer, self._answer = self._answer, self._ask()
        return answer is not None and self._take(answer)

    def settled(self) -> bool:
        """Whether a process has received a signal by now; it waits for all processes to ask."""
        if jax.process_count() == 1:
            return self._own.requested is not None
        return self._take(self._ask())

    def _take(self, answer: Int32[Array, ""]) -> bool:
        if int(answer):
            self._own.requested = signal.Signals(int(answer))
        return bool(int(answer))

    def _ask(self) -> Int32[Array, ""]:
        cut = NamedSharding(self._whole.mesh, PartitionSpec("all"))
        number = np.full(jax.local_device_count(), self._own.requested or 0, np.int32)
        return _largest(jax.make_array_from_process_local_data(cut, number), self._whole)


@partial(jax.jit, static_argnums=1)
def _largest(numbers: Int32[Array, " devices"], whole: NamedSharding) -> Int32[Array, ""]:
    return jax.lax.with_sharding_constraint(jnp.max(numbers), whole)
