"""Which random changes a training clip goes through: the published ones, and others that are off unless asked for."""

from dataclasses import dataclass, fields

from jvlgs_jax.data.augmentation.camera import Blur, SensorNoise
from jvlgs_jax.data.augmentation.codec import JpegArtefacts
from jvlgs_jax.data.augmentation.distractors import DriftingClouds, ExposureDrift
from jvlgs_jax.data.augmentation.geometry import HorizontalFlip, RandomCrop, Rotation
from jvlgs_jax.data.augmentation.labels import SaltAndPepper
from jvlgs_jax.data.augmentation.overlays import OnScreenText
from jvlgs_jax.data.augmentation.photometry import JitterScope, PhotometricJitter, PolarityFlip
from jvlgs_jax.data.augmentation.transform import ClipTransform, Range
from jvlgs_jax.data.planes import InputPlanes
from jvlgs_jax.errors import UserError


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """Probabilities and ranges; the defaults are the published ones. UserError for a value out of range.

    Attributes:
        flip_probability: of a horizontal flip of the clip.
        rotation_probability: of a rotation of the clip.
        rotation_degrees: the angle is a whole number of degrees in [-rotation_degrees, rotation_degrees).
        brightness, contrast, color, sharpness: ranges of Pillow-like factors; (1, 1) changes nothing.
        jitter_scope: what shares one draw of these four.
        salt_and_pepper: share of a mask's pixels set to 0 or 1 at random.
        crop_probability: of keeping a part of the picture only; none in the published program, nor is the rest.
        crop_scale: range of the part's height and width, as a share of the picture's.
        cloud_probability: of clouds that drift through the clip.
        cloud_contrast: range of the clouds' standard deviation, in grey levels.
        cloud_speed: the clouds' largest drift, in pixels a frame.
        exposure_drift: largest slow swing of all grey levels, in grey levels.
        blur_probability: of optics out of focus.
        blur_sigma: range of the blur's deviation, in pixels.
        temporal_noise: largest deviation of sensor noise that is new in every frame, in grey levels.
        fixed_pattern_noise: largest deviation of sensor noise that stays, in grey levels.
        polarity_probability: of turning white-hot to black-hot.
        text_probability: of on-screen text.
        text_lines: the most lines of text.
        codec_probability: of a clip that was stored as JPEG.
        codec_quality: range of its quality, 1 to 100.
    """

    flip_probability: float = 0.5
    rotation_probability: float = 0.2
    rotation_degrees: int = 15
    brightness: Range = (0.5, 1.5)
    contrast: Range = (0.5, 1.5)
    color: Range = (0.0, 2.0)
    sharpness: Range = (0.0, 3.0)
    jitter_scope: JitterScope = JitterScope.CLIP
    salt_and_pepper: float = 0.0015
    crop_probability: float = 0.0
    crop_scale: Range = (0.5, 1.0)
    cloud_probability: float = 0.0
    cloud_contrast: Range = (1.5, 15.0)
    cloud_speed: float = 1.0
    exposure_drift: float = 0.0
    blur_probability: float = 0.0
    blur_sigma: Range = (0.3, 1.5)
    temporal_noise: float = 0.0
    fixed_pattern_noise: float = 0.0
    polarity_probability: float = 0.0
    text_probability: float = 0.0
    text_lines: int = 4
    codec_probability: float = 0.0
    codec_quality: tuple[int, int] = (20, 80)

    def __post_init__(self) -> None:
        for name in (*(f.name for f in fields(self) if f.name.endswith("_probability")), "salt_and_pepper"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name} is {getattr(self, name)}, it must lie between 0 and 1: 0 turns it off")
        for name in ("brightness", "contrast", "color", "sharpness"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise UserError(f"{name} is ({low}, {high}), it must be 0 <= low <= high: (1, 1) turns it off")
        for name in ("cloud_speed", "exposure_drift", "temporal_noise", "fixed_pattern_noise"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}, it must not be negative: 0 turns it off")
        for name, highest, usual in (
            ("cloud_contrast", 255, (1.5, 15)),
            ("crop_scale", 1, (0.5, 1)),
            ("blur_sigma", 20, (0.3, 1.5)),
            ("codec_quality", 100, (20, 80)),
        ):
            low, high = getattr(self, name)
            if not 0 < low <= high <= highest:
                raise UserError(f"{name} is ({low}, {high}), it must be 0 < low <= high <= {highest}: {usual} is usual")
        for name, highest in (("rotation_degrees", 180), ("text_lines", 20)):
            if not 1 <= getattr(self, name) <= highest:
                raise UserError(
                    f"{name} is {getattr(self, name)}, it must lie between 1 and {highest}: "
                    f"{name.split('_')[0]}_probability 0 turns it off"
                )
        if self.jitter_scope not in list(JitterScope):
            raise UserError(
                f"jitter_scope is {self.jitter_scope!r}, it must be {' or '.join(JitterScope)}: clip is usual"
            )


def augmentations(config: AugmentationConfig, planes: InputPlanes, *, step: int = 1) -> tuple[ClipTransform, ...]:
    """Returns the transforms of `config`, to be applied in order to a `ClipSample` of `planes`.

    The order is that of an image's way: the scene, the camera, what is written over the picture, its storage. The
    published changes keep the published order among themselves.

    Args:
        config: probabilities and ranges.
        planes: what the three channels of the clips are.
        step: frames of the video from one frame of a clip to the next.
    """
    return (
        HorizontalFlip(probability=config.flip_probability),
        Rotation(probability=config.rotation_probability, degrees=config.rotation_degrees),
        RandomCrop(probability=config.crop_probability, scale=config.crop_scale),
        DriftingClouds(
            planes=planes,
            probability=config.cloud_probability,
            contrast=config.cloud_contrast,
            speed=config.cloud_speed,
            step=step,
        ),
        Blur(probability=config.blur_probability, sigma=config.blur_sigma),
        SensorNoise(planes=planes, temporal=config.temporal_noise, fixed_pattern=config.fixed_pattern_noise, step=step),
        ExposureDrift(planes=planes, amplitude=config.exposure_drift, step=step),
        PolarityFlip(probability=config.polarity_probability),
        OnScreenText(probability=config.text_probability, lines=config.text_lines),
        JpegArtefacts(planes=planes, probability=config.codec_probability, quality=config.codec_quality),
        PhotometricJitter(
            planes=planes,
            brightness=config.brightness,
            contrast=config.contrast,
            color=config.color,
            sharpness=config.sharpness,
            scope=config.jitter_scope,
        ),
        SaltAndPepper(share=config.salt_and_pepper),
    )
