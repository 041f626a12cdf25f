"""The fourth part of the training of `plume_small`: warm gas, steam that is gas, and hardly any that is not.

for clips in warm_plumes:448 restless:160 near_movers:128 gasvid_like:256; do
    jvlgs prepare --dataset=plume_sim/${clips%:*} --clips=${clips#*:} --data-dir=data
done
jvlgs train --config=configs/plume_small_warm.py --workdir=runs/plume_small_warm

Ended here, the masks of large plumes came out too small: docs/attempts.md.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.small_network(config)
    # Hardly any steam that is not gas: it looks like gas.
    recipes.plumes_on_disk(config, {"warm_plumes": 1.0, "restless": 0.25, "near_movers": 0.15, "gasvid_like": 0.1})
    recipes.small_and_zoomed(config)
    config.train.init_from = ("runs/plume_small_jets/model",)
    recipes.adamw_cosine(config, steps=1500, learning_rate=7e-4)
    return config
