"""An iterator over batches whose whole state is one number: how many batches it gave.

Batch k is a function of the dataset, its seed and k alone. So the batches are the same with any number of worker
processes and hosts, before and after an interruption, and a training may go on with another number of either.
"""

import asyncio
import ctypes
import itertools
import json
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import cv2
import grain
import jax
from absl import flags

from jvlgs_jax.errors import UserError

T = TypeVar("T")

READER_THREADS = 4
READ_AHEAD = 4  # batches in the host's memory
PLACED_AHEAD = 1  # batches on the devices beside the one in use
POSITION = "position.json"

KEPT_BYTES = 1 << 30
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Which part of every batch this process makes: the `index`-th of `count` equal runs of rows."""

    index: int = 0
    count: int = 1

    def rows(self, batch_size: int) -> int:
        """Returns how many rows of a batch are this process's; UserError if the batch cannot be shared equally."""
        if batch_size % self.count:
            raise UserError(
                f"data.batch_size is {batch_size}, shared by {self.count} processes: use a multiple of {self.count}"
            )
        return batch_size // self.count


def process_shard() -> Shard:
    """Returns the part of this process among those that JAX was started with."""
    return Shard(index=jax.process_index(), count=jax.process_count())


def placement(sharding: jax.sharding.Sharding) -> Callable[[T], T]:
    """Returns the `place` of a `BatchIterator` that makes global arrays, of which this process's rows are its share."""

    def place(batch: T) -> T:
        return jax.tree.map(lambda rows: jax.make_array_from_process_local_data(sharding, rows), batch)

    return place


class BatchIterator(grain.DatasetIterator[T], Generic[T]):
    """Gives this process's part of every batch in turn; Orbax saves it as a checkpointable.

    A checkpoint holds no trace of workers and processes, and any process can go on from it.
    """

    def __init__(
        self,
        parts: grain.MapDataset[T],
        shard: Shard,
        *,
        workers: int = 0,
        place: Callable[[T], T] | None = None,
    ) -> None:
        """Starts at the first batch.

        Args:
            parts: the parts of all batches: item k * count + index is part `index` of batch k.
            shard: which part is this process's.
            workers: processes that make the batches; 0 makes them in threads of this one.
            place: starts the copy of a batch to the devices, see `placement`; it is called a batch ahead, so that the
                copy overlaps with the use of the batch before. None leaves batches in the host's memory.
        """
        super().__init__()
        self._parts, self._shard, self._workers, self._place = parts, shard, workers, place
        self._position = 0
        self._batches: grain.DatasetIterator[T] | None = None
        self._placed: deque[T] = deque()

    def __next__(self) -> T:
        if self._batches is None:
            self._batches = self._start()
        if self._place is None:
            batch = next(self._batches)
        else:
            ahead = itertools.islice(self._batches, PLACED_AHEAD + 1 - len(self._placed))
            self._placed.extend(map(self._place, ahead))
            if not self._placed:
                raise StopIteration
            batch = self._placed.popleft()
        self._position += 1
        return batch

    def get_state(self) -> dict[str, Any]:
        """Returns how many batches were given."""
        return {"batches": self._position}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes to the place of `state`."""
        self.close()
        self._position = state["batches"]

    async def save(self, directory: Any) -> Awaitable[None]:
        """Saves the state for Orbax; every process would save the same, so the first does it."""
        return _save(directory, json.dumps(self.get_state()) if self._shard.index == 0 else None)

    async def load(self, directory: Any) -> Awaitable[None]:
        """Loads the state for Orbax, whatever number of processes saved it."""
        return self._load(directory)

    def close(self) -> None:
        """Stops reading ahead and ends the worker processes; the next batch starts them again."""
        self._placed.clear()
        if self._batches is not None:
            self._batches.close()
            self._batches = None

    async def _load(self, directory: Any) -> None:
        self.set_state(json.loads(await asyncio.to_thread((directory / POSITION).read_text)))

    def _start(self) -> grain.DatasetIterator[T]:
        parts = self._parts[self._position * self._shard.count + self._shard.index :: self._shard.count]
        options = grain.ReadOptions(num_threads=READER_THREADS, prefetch_buffer_size=READ_AHEAD)
        if self._workers == 0:
            return iter(parts.to_iter_dataset(options))
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()  # Grain reads absl flags, which only a program of absl parses
        alone = grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)
        workers = grain.MultiprocessingOptions(num_workers=self._workers, per_worker_buffer_size=READ_AHEAD)
        return iter(parts.to_iter_dataset(alone).mp_prefetch(workers, worker_init_fn=_start_worker))


async def _save(directory: Any, state: str | None) -> None:
    path = await directory.await_creation()
    if state is not None:
        await asyncio.to_thread((path / POSITION).write_text, state)


def _start_worker(worker: int, workers: int) -> None:
    jax.config.update("jax_platforms", "cpu")  # the training's process holds the accelerator
    prepare_worker()


def prepare_worker() -> None:
    """Fits this process to make batches on one core: OpenCV starts no threads, and freed memory is kept.

    The arrays of a clip are so large that the C library would give them back to the system each time and get them anew,
    empty page by empty page; that can take a third of the time. Only glibc needs and knows the setting.
    """
    cv2.setNumThreads(1)
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 32 << 20)  # the most that glibc takes
        libc.mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
