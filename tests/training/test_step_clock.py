import pytest

from jvlgs_jax.training import step_clock
from jvlgs_jax.training.step_clock import StepClock


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock says; a test changes it."""
    time = [10.0]
    monkeypatch.setattr(step_clock.time, "perf_counter", lambda: time[0])
    return time


def spend(clock: StepClock, now: list[float], **seconds: float) -> None:
    for part, of_part in seconds.items():
        with clock.timed(part):
            now[0] += of_part


def test_splits_a_lap_by_step(now: list[float]):
    clock = StepClock(clips_per_step=6, devices=2)
    for _ in range(4):
        spend(clock, now, data=0.25, step=0.5)
        clock.count_step()
    spend(clock, now, save=2.0, evaluate=6.0)
    now[0] += 1.0  # between
    numbers = clock.lap()
    times = {name: value for name, value in numbers.items() if name.startswith("time/")}
    assert times == {
        "time/data": 0.25, "time/step": 0.5, "time/evaluate": 1.5, "time/save": 0.5, "time/total": 3.0
    }  # fmt: skip
    assert numbers["speed/clips_per_second"] == pytest.approx(8)
    assert numbers["speed/clips_per_second_per_device"] == pytest.approx(4)
    assert "speed/model_flops_utilisation" not in numbers
    spend(clock, now, step=1.0)
    clock.count_step()
    assert clock.lap()["time/total"] == 1.0


def test_states_the_utilisation_where_the_peak_is_known(now: list[float]):
    clock = StepClock(clips_per_step=1, devices=4)
    clock.compare(flops_per_step=60, peak_flops=100.0)
    spend(clock, now, data=0.1, step=0.4)
    clock.count_step()
    assert clock.lap()["speed/model_flops_utilisation"] == pytest.approx(60 / (0.5 * 400))


def test_a_lap_without_steps_has_no_speed(now: list[float]):
    clock = StepClock(clips_per_step=1, devices=1)
    spend(clock, now, evaluate=3.0)
    assert clock.lap() == {
        "time/data": 0, "time/step": 0, "time/evaluate": 3.0, "time/save": 0, "time/total": 3.0
    }  # fmt: skip
