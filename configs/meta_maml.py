"""A start for adaptation to new sites by MAML: the decoder of the small network that ships, on simulated scenes.

jvlgs prepare --dataset=plume_sim/simgas_like --clips=448 --data-dir=data
jvlgs meta-train --config=configs/meta_maml.py --workdir=runs/meta_maml

--config.meta.learner=fomaml, anil or meta_sgd learns it otherwise; Reptile has a config of its own. What it is good
for: docs/metalearning.md. No whole run of this config has been made.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.meta_training(config, "maml", steps=200, learning_rate=1e-3)
    return config
