"""The clips that adaptation draws from: each support frame as it was recorded, and changed at random."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float, PyTree

from jvlgs_jax.data.augmentation.config import AugmentationConfig, augmentations
from jvlgs_jax.data.clip_maker import ClipMaker, DrawnClip
from jvlgs_jax.data.clip_source import ClipCut, ClipIndex
from jvlgs_jax.data.clips import ClipSample
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.data.subsets import Subset
from jvlgs_jax.fewshot.network import Forward, Variables, compute_inputs
from jvlgs_jax.fewshot.support import SupportFrame

# The site stays as it is: its polarity, its optics and its scene are what is to be learned. What is drawn is where in
# the picture gas may be, which way it blows, and how the camera sees it.
SITE_AUGMENTATION = AugmentationConfig(
    rotation_probability=0.0,
    brightness=(0.8, 1.2),
    contrast=(0.8, 1.2),
    color=(1.0, 1.0),
    sharpness=(1.0, 1.0),
    salt_and_pepper=0.0,
    crop_probability=0.5,
    crop_scale=(0.7, 1.0),
    temporal_noise=1.0,
)


@dataclass(frozen=True)
class _SupportSource:
    """The support's clips as what `ClipMaker` reads from; the number of a frame stands for its scene."""

    frames: Sequence[SupportFrame]
    weight = 1.0
    marks_ignored = False

    def index(self, config: ClipConfig, subset: Subset, seed: int) -> ClipIndex:
        clips = np.stack([np.arange(len(self.frames)), np.zeros(len(self.frames), np.int64)], axis=1)
        return ClipIndex(clips, np.array([frame.leaks for frame in self.frames], bool))

    def read(self, cuts: Sequence[ClipCut], config: ClipConfig) -> Iterator[ClipSample]:
        return (self.frames[cut.scene].sample for cut in cuts)


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Clips at the network's main size, and what its frozen part makes of them.

    Attributes:
        inputs: of `forward.logits`, by frame and variant; variant 0 is the frame as it was recorded.
        masks: of the same, as shares of a pixel.
        frames: what they were made of.
    """

    inputs: Sequence[PyTree]  # one a frame, of arrays "v ..."
    masks: Sequence[Float[np.ndarray, "v 1 h w 1"]]
    frames: Sequence[SupportFrame]

    def recorded(self, frame: int) -> PyTree:
        """The input of the frame itself, as a batch of one."""
        return jax.tree.map(lambda x: x[:1], self.inputs[frame])

    def batch(self, frames: Sequence[int], variants: Sequence[int]) -> tuple[PyTree, Float[np.ndarray, "b 1 h w 1"]]:
        """Returns clips by frame and variant."""
        chosen = [jax.tree.map(lambda x, v=v: x[v], self.inputs[k]) for k, v in zip(frames, variants, strict=True)]
        masks = np.stack([self.masks[k][v] for k, v in zip(frames, variants, strict=True)])
        return jax.tree.map(lambda *x: np.stack(x), *chosen), masks


def make_pool(
    frames: Sequence[SupportFrame],
    forward: Forward,
    variables: Variables,
    clips: ClipConfig,
    *,
    variants: int,
    augmentation: AugmentationConfig = SITE_AUGMENTATION,
    seed: int = 0,
) -> Pool:
    """Makes `variants` clips of each frame, the first as it was recorded, and what the frozen part makes of them."""
    network = forward.network
    planes = input_planes(network.planes)

    def maker(config: AugmentationConfig | None) -> ClipMaker:
        transforms = () if config is None else augmentations(config, planes, step=clips.step)
        source = _SupportSource(frames)
        return ClipMaker(sources=(source,), planes=planes, clips=clips, transforms=transforms, size=network.sizes.main)

    plain, changed = maker(None), maker(augmentation)
    inputs, masks = [], []
    for number in range(len(frames)):
        drawn = [DrawnClip(0, number, 0, np.random.default_rng([seed, number, v])) for v in range(variants)]
        made = [*plain(drawn[:1]), *changed(drawn[1:])]
        found = compute_inputs(forward, variables, np.stack([sample.planes for sample in made]))
        inputs.append(jax.tree.map(np.asarray, found))
        masks.append(np.stack([sample.mask for sample in made]))
    return Pool(inputs=inputs, masks=masks, frames=frames)
