"""A small JVLGS (PVTv2-b0, temporal planes, 4-frame clips) from scratch on SimGas, on a CPU, in at most 30 minutes.

jvlgs train --config=configs/simgas_smoke.py --data-dir=DIR --workdir=runs/simgas_smoke

Trains on all scenes but those on the background of scene 3, scores these at the end, and prints the classical baselines
beside the model. Two runs: J 0.588 and 0.542, F 0.695 and 0.639, false alarms 5.8 % and 0.3 % (MOG2 0.337, 0.469,
0.5 %); see docs/results.md.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config, to_config_dict
from jvlgs_jax.models.pvt_v2 import PvtV2Config
from jvlgs_jax.models.text_encoder import TextEncoderConfig


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()

    config.model.encoder = to_config_dict(PvtV2Config.variant("b0"))
    config.model.text = to_config_dict(TextEncoderConfig.tiny())

    config.data.layout = "simgas"
    config.data.split = "hold_out:group_3"
    config.data.planes = "temporal"
    config.data.input_size = (160, 224)
    config.data.clips.length = 4
    config.data.clips.stride = 2
    config.data.batch_size = 4
    config.data.leak_free_share = 0.25
    recipes.infrared_augmentation(config)

    config.train.steps = 750
    config.train.save_every = 150
    config.train.optimizer.learning_rate = 1e-3
    config.train.optimizer.schedule = "warmup_cosine"
    config.train.optimizer.warmup_steps = 50
    config.train.optimizer.frozen = ("text_encoder/.*",)
    config.train.optimizer.ema_decay = 0.99

    return config
