"""What a simulated clip may look like: one range or probability a property. Presets fill these in (`presets.py`).

Temperatures are apparent temperatures in kelvin above the air. Lengths are pixels of the picture, times are frames,
unless a name says otherwise. A pair is (lowest, highest). UserError for a value out of its limits.
"""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from jvlgs_jax.errors import UserError
from jvlgs_jax.simulation.draws import Range
from jvlgs_jax.simulation.limits import (
    Amount,
    Amounts,
    Between,
    Count,
    Factors,
    Limits,
    Positives,
    Share,
    Shares,
    check_limits,
)

MOST_BLUR = 1.5  # pixels, which the kernel of `scenery.gaussian_blur` holds
MOST_SHAKE = 8.0  # pixels, half of the margin around the frame


@dataclass(frozen=True, kw_only=True)
class PlumeConfig:
    """Gas leaks and steam.

    Attributes:
        leak_free: share of clips without a leak of gas.
        onset: shares of leaks that began long before the clip, shortly before it, and within it.
        stops: share of leaks that end within the clip or shortly before.
        second_source: share of leaks with two openings.
        steam: share of clips with a steam plume, among those with and without a leak of gas.
        steam_is_leak: whether steam counts as gas: in the mask, in all other truth, and as a leak.
        peak_optical_depth, steam_optical_depth: near the source, of a fresh plume.
        gas_temperature: of the leaking gas.
        cell: pixels a cell of the plume's grid; sets the plume's size.
        speed: cells a frame.
        wander: how far (radians) the wind's direction strays from level, at most.
        shear: relative change of the wind over the height of the grid.
        gust, updraught: swing of the wind and upward speed over the source, as shares of the mean wind.
        obstacle: share of plumes that flow around something.
        source_radius, eddy_size: cells.
        turbulence, diffusivity: deviation of the wind, and K-theory diffusivity per cell, as shares of the mean wind.
        reach, steam_reach: cells in which the mean wind carries gas while it thins to 1/e by decay alone.
        flapping: source radii by which the jet swings; wisps: deviation of the logarithm of the optical depth.
        profile: power of the concentration that the optical depth follows; below 1, gas is flat within.
        interface: optical depth at which gas ends in clean air, 0 for gas that thins without an edge.
        intermittency: of the source, 0 steady to 1 puffing.
        mask_optical_depth: gas from this optical depth on is in the mask. Rounded to a float16, as the depth of the
            clips is, so that comparing the two in any precision gives the mask.
        visible_contrast_to_noise: gas whose contrast falls short of this many noise deviations is marked as ignored.
    """

    leak_free: Share = 0.3
    onset: Annotated[tuple[float, float, float], Limits(least=0.0, ordered=False)] = (0.4, 0.35, 0.25)
    stops: Share = 0.1
    second_source: Share = 0.15
    steam: Share = 0.1
    steam_is_leak: bool = False
    peak_optical_depth: Positives = (0.15, 1.5)
    steam_optical_depth: Positives = (0.5, 3.0)
    gas_temperature: Between = (-4.0, 6.0)
    steam_temperature: Between = (4.0, 30.0)
    cell: Positives = (0.35, 3.2)
    speed: Positives = (0.4, 1.2)
    wander: Amount = 1.5
    shear: Between = (-0.6, 0.6)
    gust: Amounts = (0.0, 0.35)
    updraught: Amounts = (0.0, 0.6)
    obstacle: Share = 0.1
    source_radius: Positives = (0.7, 2.2)
    turbulence: Positives = (0.05, 0.35)
    eddy_size: Positives = (10.0, 40.0)
    diffusivity: Positives = (0.01, 0.12)
    reach: Positives = (15.0, 60.0)
    steam_reach: Positives = (8.0, 25.0)
    flapping: Amounts = (0.0, 0.8)
    wisps: Amounts = (0.05, 0.45)
    profile: Positives = (1.0, 1.0)
    interface: Amounts = (0.0, 0.0)
    intermittency: Shares = (0.0, 0.9)
    mask_optical_depth: Annotated[float, Limits(positive=True)] = 0.05
    visible_contrast_to_noise: Amount = 1.0

    def __post_init__(self) -> None:
        check_limits(self, "plume")
        if not any(self.onset):
            raise UserError(f"plume.onset is {self.onset}: one of the shares must be above 0")
        object.__setattr__(self, "mask_optical_depth", float(np.float16(self.mask_optical_depth)))


@dataclass(frozen=True, kw_only=True)
class SceneryConfig:
    """What stands still.

    Attributes:
        horizon: height of the skyline, as a share of the picture from its top.
        sky_zenith, sky_horizon, ground, equipment: apparent temperatures.
        texture: deviation of the ground's and walls' temperature.
        equipped: share of scenes with tanks, vessels, pipes, stacks, racks or buildings.
        equipment_scale: their size, relative to the picture's height.
        vegetation: share of scenes with trees on the skyline.
        hot_spots: hot small parts, at most.
    """

    horizon: Between = (0.55, 1.05)
    sky_zenith: Between = (-60.0, -25.0)
    sky_horizon: Between = (-22.0, -6.0)
    ground: Between = (-4.0, 8.0)
    equipment: Between = (-3.0, 14.0)
    texture: Positives = (0.2, 1.5)
    vegetation: Share = 0.25
    hot_spots: Count = 3
    hot_spot: Positives = (8.0, 60.0)
    equipped: Share = 0.95
    equipment_scale: Positives = (0.6, 1.6)

    def __post_init__(self) -> None:
        check_limits(self, "scenery")
        if self.sky_zenith[1] >= self.equipment[0]:
            raise UserError(
                f"scenery.sky_zenith goes up to {self.sky_zenith[1]}, scenery.equipment down to {self.equipment[0]}: "
                "the camera's gain is set by both, so the sky must be colder"
            )


@dataclass(frozen=True, kw_only=True)
class DistractorConfig:
    """What moves or changes and is no gas.

    Attributes:
        clouds: share of scenes with clouds.
        cloud_contrast: kelvin above clear sky.
        cloud_speed, cloud_change: drift (pixels a frame) and change of shape (radians a frame).
        cloud_shadows: share of scenes where sunlit ground cools under drifting clouds, and by how much.
        movers: people, vehicles, birds and insects: relative frequency of each.
        mover_count: how many at most.
        mover_size, mover_speed: factors of the usual smallest and largest size and speed of each kind; none is larger
            than half of the picture's height.
        sway: pixels by which foliage sways.
        shimmer: pixels by which hot air bends the view.
    """

    clouds: Share = 0.5
    cloud_contrast: Positives = (2.0, 18.0)
    cloud_speed: Positives = (0.003, 0.5)
    cloud_change: Positives = (0.0003, 0.03)
    cloud_shadows: Share = 0.2
    shadow: Positives = (0.2, 2.0)
    movers: Annotated[tuple[float, float, float, float], Limits(least=0.0, ordered=False)] = (0.4, 0.2, 0.25, 0.15)
    moving: Share = 0.35
    mover_count: Count = 4
    mover_temperature: Between = (-5.0, 22.0)
    mover_size: Factors = (1.0, 1.0)
    mover_speed: Factors = (1.0, 1.0)
    sway: Amounts = (0.0, 0.8)
    shimmer: Amounts = (0.0, 0.35)

    def __post_init__(self) -> None:
        check_limits(self, "distractors")
        if not any(self.movers):
            raise UserError(f"distractors.movers is {self.movers}: one of the frequencies must be above 0")


@dataclass(frozen=True, kw_only=True)
class CameraConfig:
    """What the camera adds.

    Attributes:
        black, white: grey levels that the coldest part of the scene's sky and its equipment's mean are shown at.
        inverted: share of clips that show cold as white.
        noise: deviation of a pixel's noise, grey levels.
        row_noise, fixed_pattern, vignetting: grey levels.
        gain_drift: relative swing of the gain; `level_drift` and `shading_drift` are in grey levels.
        drift_period: frames.
        gain_step: share of clips in which the gain jumps.
        blur: deviation of the optics' blur, pixels.
        vibration: pixels; `pan`: share of clips that pan, `pan_speed` pixels a frame, less in clips so long that the
            fastest would leave the margin of 16 pixels around the frame.
        interlaced, bad_pixels, text: shares of clips.
        codec_step: quantiser step of the lowest frequencies, grey levels.
    """

    black: Between = (-30.0, 30.0)
    white: Between = (120.0, 235.0)
    inverted: Share = 0.0
    noise: Positives = (0.2, 1.0)
    row_noise: Amounts = (0.0, 0.2)
    fixed_pattern: Amounts = (0.0, 0.4)
    vignetting: Amounts = (0.0, 12.0)
    gain_drift: Amounts = (0.0, 0.03)
    level_drift: Amounts = (0.0, 3.0)
    shading_drift: Amounts = (0.0, 3.0)
    drift_period: Positives = (60.0, 3000.0)
    gain_step: Share = 0.05
    blur: Annotated[Range, Limits(least=0.0, most=MOST_BLUR)] = (0.5, 1.2)
    vibration: Annotated[Range, Limits(least=0.0, most=MOST_SHAKE)] = (0.0, 0.05)
    pan: Share = 0.0
    pan_speed: Positives = (0.02, 0.3)
    interlaced: Share = 0.05
    bad_pixels: Share = 0.1
    text: Share = 0.3
    codec_step: Positives = (2.0, 14.0)

    def __post_init__(self) -> None:
        check_limits(self, "camera")
        if self.black[1] >= self.white[0]:
            raise UserError(
                f"camera.black goes up to {self.black[1]} and camera.white down to {self.white[0]}: "
                "black must be darker than white"
            )


@dataclass(frozen=True, kw_only=True)
class SimulationConfig:
    """A family of clips; clip k of a family is always the same.

    Attributes:
        seed: other seeds give other clips.
        family: keeps clips of two presets with one seed and index from being variations of one another.
        frame_count: frames in a clip.
        size: (height, width) in pixels, multiples of 8, at least 96.
        age: frames of video before the clip, which the causal means have seen.
        fresh: share of clips that start with the video, with nothing before them.
        lead_in: frames before the clip in which gas flows unseen; a leak that began shortly before the clip began
            within them, an older one starts with them.
    """

    seed: int = 0
    family: int = 0
    frame_count: int = 32
    size: tuple[int, int] = (240, 320)
    age: Positives = (5.0, 1500.0)
    fresh: Share = 0.05
    lead_in: int = 80
    plume: PlumeConfig = field(default_factory=PlumeConfig)
    scenery: SceneryConfig = field(default_factory=SceneryConfig)
    distractors: DistractorConfig = field(default_factory=DistractorConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)

    def __post_init__(self) -> None:
        check_limits(self, "simulation")
        if self.frame_count < 1:
            raise UserError(f"frame_count {self.frame_count}: a clip needs at least 1 frame")
        if self.lead_in < 20:
            raise UserError(f"lead_in {self.lead_in}: gas needs at least 20 frames to spread")
        if any(side < 96 or side % 8 for side in self.size):
            raise UserError(f"size {self.size}: height and width must be multiples of 8, at least 96")
