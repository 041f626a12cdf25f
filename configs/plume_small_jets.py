"""The third part of the training of `plume_small`: leaks that begin as a thin jet and go on growing.

for clips in simgas_like:448 gasvid_like:256 hard_negatives:256 faint:128 young_jets:400; do
    jvlgs prepare --dataset=plume_sim/${clips%:*} --clips=${clips#*:} --data-dir=data
done
jvlgs train --config=configs/plume_small_jets.py --workdir=runs/plume_small_jets

Ended here, the masks of thin gas came out small: docs/attempts.md.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.small_network(config)
    recipes.plumes_on_disk(
        config, {"young_jets": 1.0, "simgas_like": 0.4, "hard_negatives": 0.25, "gasvid_like": 0.2, "faint": 0.1}
    )
    recipes.small_and_zoomed(config)
    config.train.init_from = ("runs/plume_small_mixed/model",)
    recipes.adamw_cosine(config, steps=1500, learning_rate=7e-4)
    return config
