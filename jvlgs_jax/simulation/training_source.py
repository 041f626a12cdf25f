"""Simulated clips as training clips, made when they are drawn: nothing is on disk, and no clip is seen twice for long.

Simulated where the training runs, in the background of its steps, or by its data workers on their CPU cores.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, UInt8

from jvlgs_jax.data.clip_source import ClipCut, ClipIndex, check_weight
from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.planes import InputPlanes, PlaneMemory
from jvlgs_jax.data.sampling import ClipConfig, Direction
from jvlgs_jax.data.subsets import Subset
from jvlgs_jax.errors import UserError
from jvlgs_jax.simulation.clip import simulate_batch
from jvlgs_jax.simulation.config import SimulationConfig
from jvlgs_jax.simulation.parameters import leak_free
from jvlgs_jax.simulation.presets import preset
from jvlgs_jax.simulation.truth import GAS_PIXEL, IGNORED

MOST_CLIPS = 2**31 - 1  # numbers are 32-bit


@dataclass(frozen=True, kw_only=True)
class SimulatedClips:
    """A family of simulated clips to train on. UserError for a value out of range.

    Attributes:
        family: how they look, and their seed; each has as many frames as a training clip spans.
        clips: how many; all are drawn before one is drawn again. 24 bytes of memory each.
        weight: how often a clip is drawn from here, compared with 1 for a dataset.
        abreast: clips made at a time, see `simulate_batch`. On an accelerator 8 or more, and best a divisor of the
            clips that a process simulates a batch: an incomplete group costs as much as a full one.
    """

    family: SimulationConfig = field(default_factory=lambda: preset("simgas_like"))
    clips: int = 100_000
    weight: float = 1.0
    abreast: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.clips <= MOST_CLIPS:
            raise UserError(f"simulated.clips is {self.clips}: it must lie between 1 and {MOST_CLIPS}")
        if self.abreast < 1:
            raise UserError(f"simulated.abreast is {self.abreast}, the least is 1: use 8 on an accelerator, 1 on a CPU")
        check_weight(self.weight)


@dataclass(frozen=True, kw_only=True)
class SimulationSource:
    """Simulates the clips that are drawn; a `TrainingSource`.

    A clip is a function of its number alone, whatever batch, process or run asks for it, for one `abreast` on one kind
    of machine. Gas that no one could see is marked as ignored. A clip counts as one with gas if it has a leak, of steam
    too where that counts as gas, though it may start after the supervised frames or go unseen.

    Attributes:
        simulated: the clips.
        planes: the network's input.
    """

    simulated: SimulatedClips
    planes: InputPlanes
    marks_ignored = True

    @property
    def weight(self) -> float:
        """How often a clip is drawn from here, compared with the other sources."""
        return self.simulated.weight

    def index(self, config: ClipConfig, subset: Subset, seed: int) -> ClipIndex:
        """Returns all clips, whatever `subset` says: it is there to save labels, and these cost none."""
        numbers = np.arange(self.simulated.clips)
        clips = np.stack([numbers, np.zeros_like(numbers)], axis=1)
        return ClipIndex(clips, ~leak_free(self.simulated.family, numbers))

    def read(self, cuts: Sequence[ClipCut], config: ClipConfig) -> Iterator[ClipSample]:
        """Simulates the clips in groups and yields them in order, frames and masks in the order of time.

        A clip that goes back shows the same frames as one that looks ahead, and answers for the last ones.
        """
        family = replace(self.simulated.family, frame_count=config.step * (config.length - 1) + 1)
        at_once = self.simulated.abreast
        for start in range(0, len(cuts), at_once):
            group = cuts[start : start + at_once]
            made = simulate_batch(family, jnp.asarray([cut.scene for cut in group]), abreast=at_once)
            shown = jax.device_get((made.frames, made.background, made.short_term, made.age, made.mask))
            for cut, frames, background, short_term, age, mask in zip(group, *shown, strict=True):
                planes = self._planes(frames, background, short_term, int(age))[:: config.step]
                mask = mask[:: config.step]
                ahead = cut.direction == Direction.LOOK_AHEAD
                mask = mask[: config.supervised] if ahead else mask[-config.supervised :]
                maps = np.concatenate([mask == GAS_PIXEL, mask == IGNORED])
                yield ClipSample(planes, maps[..., None].astype(np.float32))

    def _planes(
        self,
        frames: UInt8[np.ndarray, "t h w"],
        background: Float32[np.ndarray, "h w"],
        short_term: Float32[np.ndarray, "h w"],
        age: int,
    ) -> Float32[np.ndarray, "t h w 3"]:
        """Goes on from what the means have seen, as `planes.temporal_planes` does, for any input planes."""
        remembered = PlaneMemory(age, np.stack([background, short_term], axis=-1))
        stream = self.planes.stream(remembered if self.planes.remembers and age else None)
        return np.stack([stream.push(frame[..., None]) for frame in frames])


def simulation_sources(simulated: Sequence[SimulatedClips], planes: InputPlanes) -> list[SimulationSource]:
    """Returns the families as sources of clips for a network with these input planes."""
    return [SimulationSource(simulated=clips, planes=planes) for clips in simulated]
