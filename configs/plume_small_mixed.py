"""The second part of the training of `plume_small`: leaks among all else that moves, few of the hard clips.

for clips in simgas_like:448 gasvid_like:256 hard_negatives:256 faint:128; do
    jvlgs prepare --dataset=plume_sim/${clips%:*} --clips=${clips#*:} --data-dir=data
done
jvlgs train --config=configs/plume_small_mixed.py --workdir=runs/plume_small_mixed

With twice as many hard negatives, at 256x320, small and new leaks were unlearnt: docs/attempts.md.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.small_network(config)
    recipes.plumes_on_disk(config, {"simgas_like": 1.0, "gasvid_like": 0.25, "hard_negatives": 0.2, "faint": 0.1})
    recipes.small_and_zoomed(config)
    config.train.init_from = ("runs/plume_small_start/model",)
    recipes.adamw_cosine(config, steps=4000, learning_rate=1e-3)
    return config
