"""A start for adaptation to new sites by Reptile: the decoder of the small network that ships, on simulated scenes.

jvlgs prepare --dataset=plume_sim/simgas_like --clips=448 --data-dir=data
jvlgs meta-train --config=configs/meta_reptile.py --workdir=runs/meta_reptile

Each of its steps on a task sees other clips of it. No whole run of this config has been made.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.meta_training(config, "reptile", steps=200, learning_rate=1e-3)
    config.meta.inner.steps = 5
    config.meta.inner.unroll = 5
    config.meta.inner.rows = 2
    return config
