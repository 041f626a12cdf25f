"""What a simulated clip may look like: one range or probability a property. Presets fill these in (`presets.py`).

Temperatures are apparent temperatures in kelvin above the air. Lengths are pixels of the picture, times are frames,
unless a name says otherwise. A pair is (lowest, highest).
"""

from dataclasses import dataclass, field

from jvlgs_jax.errors import UserError
from jvlgs_jax.simulation.draws import Range


@dataclass(frozen=True, kw_only=True)
class PlumeConfig:
    """Gas leaks and steam.

    Attributes:
        leak_free: share of clips without a leak.
        onset: shares of leaks that began long before the clip, shortly before it, and within it.
        stops: share of leaks that end within the clip or shortly before.
        second_source: share of leaks with two openings.
        steam: share of clips with a steam plume.
        steam_is_leak: whether steam counts as gas in the mask.
        peak_optical_depth: near the source, of a fresh plume.
        gas_temperature: of the leaking gas.
        cell: pixels a cell of the plume's grid; sets the plume's size.
        speed: cells a frame.
        wander: how far (radians) the wind's direction strays from level, at most.
        source_radius, eddy_size: cells.
        turbulence, diffusivity: deviation of the wind, and K-theory diffusivity per cell, as shares of the mean wind.
        reach: cells in which gas thins to 1/e by dispersal alone.
        flapping: source radii by which the jet swings; wisps: deviation of the logarithm of the optical depth.
        profile: power of the concentration that the optical depth follows; below 1, gas is flat within.
        interface: optical depth at which gas ends in clean air, 0 for gas that thins without an edge.
        intermittency: of the source, 0 steady to 1 puffing.
        mask_optical_depth: gas from this optical depth on is in the mask.
        visible_contrast_to_noise: gas whose contrast falls short of this many noise deviations is marked as ignored.
    """

    leak_free: float = 0.3
    onset: tuple[float, float, float] = (0.4, 0.35, 0.25)
    stops: float = 0.1
    second_source: float = 0.15
    steam: float = 0.1
    steam_is_leak: bool = False
    peak_optical_depth: Range = (0.15, 1.5)
    gas_temperature: Range = (-4.0, 6.0)
    steam_temperature: Range = (4.0, 30.0)
    cell: Range = (0.35, 3.2)
    speed: Range = (0.4, 1.2)
    wander: float = 1.5
    source_radius: Range = (0.7, 2.2)
    turbulence: Range = (0.05, 0.35)
    eddy_size: Range = (10.0, 40.0)
    diffusivity: Range = (0.01, 0.12)
    reach: Range = (15.0, 60.0)
    flapping: Range = (0.0, 0.8)
    wisps: Range = (0.05, 0.45)
    profile: Range = (1.0, 1.0)
    interface: Range = (0.0, 0.0)
    intermittency: Range = (0.0, 0.9)
    mask_optical_depth: float = 0.05
    visible_contrast_to_noise: float = 1.0


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

    horizon: Range = (0.55, 1.05)
    sky_zenith: Range = (-60.0, -25.0)
    sky_horizon: Range = (-22.0, -6.0)
    ground: Range = (-4.0, 8.0)
    equipment: Range = (-3.0, 14.0)
    texture: Range = (0.2, 1.5)
    vegetation: float = 0.25
    hot_spots: int = 3
    hot_spot: Range = (8.0, 60.0)
    equipped: float = 0.95
    equipment_scale: Range = (0.6, 1.6)


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
        mover_size, mover_speed: factors of the usual smallest and largest size and speed of each kind.
        sway: pixels by which foliage sways.
        shimmer: pixels by which hot air bends the view.
    """

    clouds: float = 0.5
    cloud_contrast: Range = (2.0, 18.0)
    cloud_speed: Range = (0.003, 0.5)
    cloud_change: Range = (0.0003, 0.03)
    cloud_shadows: float = 0.2
    shadow: Range = (0.2, 2.0)
    movers: tuple[float, float, float, float] = (0.4, 0.2, 0.25, 0.15)
    moving: float = 0.35
    mover_count: int = 4
    mover_temperature: Range = (-5.0, 22.0)
    mover_size: Range = (1.0, 1.0)
    mover_speed: Range = (1.0, 1.0)
    sway: Range = (0.0, 0.8)
    shimmer: Range = (0.0, 0.35)


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
        vibration: pixels; `pan`: share of clips that pan, `pan_speed` pixels a frame.
        interlaced, bad_pixels, text: shares of clips.
        codec_step: quantiser step of the lowest frequencies, grey levels.
    """

    black: Range = (-30.0, 30.0)
    white: Range = (120.0, 235.0)
    inverted: float = 0.0
    noise: Range = (0.2, 1.0)
    row_noise: Range = (0.0, 0.2)
    fixed_pattern: Range = (0.0, 0.4)
    vignetting: Range = (0.0, 12.0)
    gain_drift: Range = (0.0, 0.03)
    level_drift: Range = (0.0, 3.0)
    shading_drift: Range = (0.0, 3.0)
    drift_period: Range = (60.0, 3000.0)
    gain_step: float = 0.05
    blur: Range = (0.5, 1.2)
    vibration: Range = (0.0, 0.05)
    pan: float = 0.0
    pan_speed: Range = (0.02, 0.3)
    interlaced: float = 0.05
    bad_pixels: float = 0.1
    text: float = 0.3
    codec_step: Range = (2.0, 14.0)


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
    age: Range = (5.0, 1500.0)
    fresh: float = 0.05
    lead_in: int = 80
    plume: PlumeConfig = field(default_factory=PlumeConfig)
    scenery: SceneryConfig = field(default_factory=SceneryConfig)
    distractors: DistractorConfig = field(default_factory=DistractorConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)

    def __post_init__(self) -> None:
        if self.frame_count < 1:
            raise UserError(f"frame_count {self.frame_count}: a clip needs at least 1 frame")
        if self.lead_in < 20:
            raise UserError(f"lead_in {self.lead_in}: gas needs at least 20 frames to spread")
        if any(side < 96 or side % 8 for side in self.size):
            raise UserError(f"size {self.size}: height and width must be multiples of 8, at least 96")
