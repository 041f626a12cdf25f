"""The small model that ships, taken further on SimGas: what labels of other backgrounds add to simulated clips.

jvlgs train --config=configs/simgas_small.py --data-dir=DIR --folds=grouped --workdir=runs/simgas_small

One fold: leave --folds out. A fold holds out every video of a background. Two clips in three are of SimGas, the others
simulated, of `data/`, which the commands of `configs/plume_small.py` make: they show what the other backgrounds do not.
The rule was set before the first run. What it scores: docs/results.md.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.data.batches import MixedDataset
from jvlgs_jax.experiment import default_config
from jvlgs_jax.training.config import EvaluatorConfig


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.small_network(config)
    config.rule.low, config.rule.high = 0.5, 0.8
    config.rule.minimum_share, config.rule.kernel = 0.0005, 5

    config.data.layout = "simgas"
    config.data.split = "grouped/0"
    config.data.mixed_with = tuple(
        MixedDataset(root="data", dataset=f"plume_sim/{preset}", weight=weight)
        for preset, weight in (("warm_plumes", 0.3), ("near_movers", 0.1), ("restless", 0.1))
    )
    recipes.small_clips(config)
    config.data.input_size = (256, 320)
    config.data.batch_size = 4
    config.data.augmentation.cloud_probability = 0.2
    config.data.augmentation.exposure_drift = 2.0

    config.train.init_from = ("plume_small",)
    recipes.adamw_cosine(config, steps=200, learning_rate=5e-4)
    config.train.optimizer.ema_decay = 0.97
    config.train.evaluators = (EvaluatorConfig(name="test"),)
    return config
