"""Pretraining of a small network (PVTv2-b0) on simulated clips, on one accelerator or a few.

jvlgs train --config=configs/pretrain_sim_b0.py --workdir=runs/pretrain_sim_b0
jvlgs evaluate --checkpoint=runs/pretrain_sim_b0 --data-dir=LABELLED --baselines --output=scores

No run of ours has produced numbers yet.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.simulated_pretraining(config, encoder="b0", clips_per_batch=32, steps=20_000)
    config.train.optimizer.learning_rate = 5e-4
    config.train.remat = "none"
    return config
