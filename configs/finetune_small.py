"""The small model that ships, taken further on footage of your own: a folder of videos or frames, with masks.

jvlgs train --config=configs/finetune_small.py --data-dir=MY_VIDEOS --workdir=runs/mine
jvlgs predict video.mp4 --checkpoint=runs/mine --output=out

docs/data.md shows the folder's layout. A fifth of the videos is held out to score on, so it takes five; with fewer use
--config.data.split=grouped/0of3, or all, which scores nothing. Of a single site with a handful of labelled frames
`jvlgs adapt` makes more. The steps are those of configs/simgas_small.py; no run of ours has produced numbers for
footage of another kind.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config
from jvlgs_jax.training.config import EvaluatorConfig


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.small_network(config)
    config.rule.low, config.rule.high = 0.5, 0.8
    config.rule.minimum_share, config.rule.kernel = 0.0005, 5

    config.data.layout = "gas_folder"
    config.data.split = "grouped/0"
    recipes.small_clips(config)
    config.data.input_size = (256, 320)
    config.data.batch_size = 4
    config.data.leak_free_share = None  # there may be no clip without gas
    config.data.augmentation.cloud_probability = 0.2
    config.data.augmentation.exposure_drift = 2.0

    config.train.init_from = ("plume_small",)
    recipes.adamw_cosine(config, steps=200, learning_rate=5e-4)
    config.train.optimizer.ema_decay = 0.97
    config.train.evaluators = (EvaluatorConfig(name="test"),)
    return config
