"""Calls that are spread over processes of their own, which end when the caller does."""

import multiprocessing
import signal
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def call_in_processes(calls: Sequence[Callable[[], T]], workers: int) -> Generator[tuple[int, T]]:
    """Makes the calls, as many at a time as there are workers; yields the number and the result of each that is done.

    Whatever ends the caller, as Ctrl-C, SIGTERM or an error does, ends the workers at once, amid their work; a caller
    that may leave the loop closes the generator. The first error of a call is raised; BrokenProcessPool if a worker
    was killed. Calls and results are pickled.
    """
    # Not forked: JAX's threads would be missing in the copy.
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    # A terminal sends Ctrl-C to every process; the one that started them ends them.
    ignore = {"initializer": signal.signal, "initargs": (signal.SIGINT, signal.SIG_IGN)}
    with ProcessPoolExecutor(min(workers, len(calls)), mp_context=context, **ignore) as pool:
        waiting = iter(enumerate(calls))
        running: dict[Future[T], int] = {}
        try:
            while True:
                for number, call in islice(waiting, workers - len(running)):
                    running[pool.submit(call)] = number
                if not running:
                    return
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(done), done.result()
        except BaseException:
            for worker in set(multiprocessing.active_children()) - others:
                worker.terminate()
            raise
