import signal

import pytest

from jvlgs_jax.training.interruption import DeferredInterruption


@pytest.fixture(autouse=True)
def sigterm_raises():
    def handle(number, frame):
        raise SystemExit(128 + number)

    previous = signal.signal(signal.SIGTERM, handle)
    yield
    signal.signal(signal.SIGTERM, previous)


noticed: list[signal.Signals | None] = []


def wait_through(*numbers: signal.Signals) -> None:
    """Receives the signals inside the context, and notes in `noticed` what the context says after each."""
    with DeferredInterruption() as interruption:
        for number in numbers:
            signal.raise_signal(number)
            noticed.append(interruption.requested)


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_takes_effect_at_the_end(number: signal.Signals, kind: type[BaseException]):
    noticed.clear()
    with pytest.raises(kind):
        wait_through(number)
    assert noticed == [number]


def test_a_second_one_takes_effect_at_once():
    noticed.clear()
    with pytest.raises(KeyboardInterrupt):
        wait_through(signal.SIGTERM, signal.SIGINT)
    assert noticed == [signal.SIGTERM]


def test_handlers_are_restored():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with DeferredInterruption():
        pass
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
