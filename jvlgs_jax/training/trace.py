"""A profile of some steps of a training, for XProf or Perfetto."""

from pathlib import Path

import jax

from jvlgs_jax.errors import UserError

PROFILE = "profile"


class Trace:
    """Records what the devices and the host do from one step to another."""

    def __init__(self, workdir: Path, steps: range) -> None:
        """Will write the steps numbered `steps` to the folder `profile` of the workdir."""
        self._folder, self._steps = workdir / PROFILE, steps
        self._running = False

    def before_step(self, step: int) -> None:
        """Starts or stops the recording if it is time; call it before each step and after the last one."""
        if step in self._steps and not self._running:
            jax.profiler.start_trace(str(self._folder))
            self._running = True
        elif step not in self._steps:
            self.stop()

    def stop(self) -> None:
        """Ends the recording, if there is one."""
        if self._running:
            jax.effects_barrier()
            jax.profiler.stop_trace()
            self._running = False


def parse_steps(text: str) -> range:
    """Returns the steps from A up to, not including, B that "A..B" names; UserError for anything else."""
    first, dots, last = text.partition("..")
    if not (dots and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise UserError(f"--profile={text}: give two step numbers, as in --profile=10..20")
    return range(int(first), int(last))
