"""An augmentation that changes nothing."""

from jvlgs_jax.data.augmentation.config import AugmentationConfig

UNCHANGED = AugmentationConfig(
    flip_probability=0.0,
    rotation_probability=0.0,
    brightness=(1.0, 1.0),
    contrast=(1.0, 1.0),
    color=(1.0, 1.0),
    sharpness=(1.0, 1.0),
    salt_and_pepper=0.0,
)
