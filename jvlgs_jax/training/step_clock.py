"""Where the time of a training goes, and how fast it is."""

import time
from collections.abc import Generator
from contextlib import contextmanager

TIMING = "timing.jsonl"
PARTS = ("data", "step", "evaluate", "save")


class StepClock:
    """Splits the seconds of each step in waiting for data, computing, evaluating and saving.

    The device computes while the host goes on; the time that the host then waits for a step's metrics is counted as
    computing. The first step, which compiles, is told apart.
    """

    def __init__(self, *, clips_per_step: int, devices: int) -> None:
        """Starts the clock of steps on a batch of so many clips, which so many devices share."""
        self._clips, self._devices = clips_per_step, devices
        self._share_of_peak: float | None = None
        self._seconds = dict.fromkeys(PARTS, 0.0)
        self._steps = 0
        self._began = time.perf_counter()

    def compare(self, *, flops_per_step: int, peak_flops: float) -> None:
        """States the speed as a share of the peak too.

        Args:
            flops_per_step: floating-point operations of a step, over all devices.
            peak_flops: the most that one device does a second.
        """
        self._share_of_peak = flops_per_step / (peak_flops * self._devices)

    @contextmanager
    def timed(self, part: str) -> Generator[None]:
        """Counts the time of the body as that of one of PARTS."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[part] += time.perf_counter() - began

    def count_step(self) -> None:
        """Counts a step as done."""
        self._steps += 1

    def lap(self) -> dict[str, float]:
        """Returns the numbers of the steps since the last lap, seconds a step each, and starts the next lap.

        `model_flops_utilisation` is there where the operations of a step and the peak of the device are known.
        """
        steps = max(self._steps, 1)
        total = time.perf_counter() - self._began
        computing = self._seconds["data"] + self._seconds["step"]
        numbers = {f"time/{part}": seconds / steps for part, seconds in self._seconds.items()}
        numbers["time/total"] = total / steps
        if self._steps and computing > 0:
            speed = self._steps * self._clips / computing
            numbers |= {"speed/clips_per_second": speed, "speed/clips_per_second_per_device": speed / self._devices}
            if self._share_of_peak is not None:
                numbers["speed/model_flops_utilisation"] = self._share_of_peak * self._steps / computing
        self._seconds = dict.fromkeys(PARTS, 0.0)
        self._steps = 0
        self._began = time.perf_counter()
        return numbers
