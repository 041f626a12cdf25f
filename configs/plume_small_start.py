"""The first part of the training of `plume_small`: easy simulated leaks at low resolution, from random weights.

jvlgs prepare --dataset=plume_sim/simgas_like --clips=448 --data-dir=data
jvlgs train --config=configs/plume_small_start.py --workdir=runs/plume_small_start

Begun on all presets at once, the network of `plume_small` had learnt next to nothing after 700 steps.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.small_network(config)
    recipes.plumes_on_disk(config, {"simgas_like": 1.0})
    config.data.input_size = (128, 160)
    recipes.adamw_cosine(config, steps=600, learning_rate=1e-3)
    return config
