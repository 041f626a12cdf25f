"""A small network (0.9 million parameters beside the text encoder) trained on simulated clips alone, on two CPU cores.

for preset in simgas_like gasvid_like hard_negatives faint; do
    jvlgs prepare --dataset=plume_sim/$preset --clips=640 --data-dir=data
done
jvlgs train --config=configs/plume_small.py --workdir=runs/plume_small
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.data.batches import MixedDataset
from jvlgs_jax.experiment import default_config, to_config_dict
from jvlgs_jax.models.pvt_v2 import PvtV2Config
from jvlgs_jax.models.text_encoder import TextEncoderConfig

ROOT = "data"


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()

    config.model.encoder = to_config_dict(
        PvtV2Config(dims=(16, 32, 64, 96), depths=(2, 2, 2, 2), heads=(1, 2, 4, 4), mlp_ratios=(4, 4, 4, 4))
    )
    config.model.channels = 24
    config.model.text = to_config_dict(TextEncoderConfig.tiny())
    config.model.fusion = "prompt_attention"
    config.model.decoder = "fine_fpn"

    config.data.root = ROOT
    config.data.dataset = "plume_sim/simgas_like"
    config.data.mixed_with = tuple(
        MixedDataset(root=ROOT, dataset=f"plume_sim/{preset}", weight=weight)
        for preset, weight in (("gasvid_like", 0.8), ("hard_negatives", 0.8), ("faint", 0.4))
    )
    config.data.planes = "temporal"
    config.data.input_size = (192, 256)
    config.data.clips.length = 4
    config.data.batch_size = 6
    config.data.augmentation.crop_probability = 0.7
    config.data.augmentation.crop_scale = (0.45, 1.0)
    config.data.augmentation.brightness = (0.8, 1.2)
    config.data.augmentation.contrast = (0.6, 1.4)
    config.data.augmentation.sharpness = (0.5, 1.5)
    config.data.augmentation.polarity_probability = 0.5
    config.data.augmentation.blur_probability = 0.2
    config.data.augmentation.temporal_noise = 1.5
    config.data.augmentation.exposure_drift = 3.0
    config.data.augmentation.cloud_probability = 0.2

    config.train.steps = 4000
    config.train.save_every = 250
    config.train.optimizer.name = "adamw"
    config.train.optimizer.learning_rate = 1e-3
    config.train.optimizer.gradient_clamp = None
    config.train.optimizer.gradient_norm = 1.0
    config.train.optimizer.schedule = "warmup_cosine"
    config.train.optimizer.warmup_steps = 100
    config.train.optimizer.frozen = recipes.TEXT_FROZEN
    config.train.optimizer.ema_decay = 0.998
    config.train.evaluators = ()

    return config
