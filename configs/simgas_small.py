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


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.small_fine_tuning(config)
    config.data.layout = "simgas"
    config.data.mixed_with = tuple(
        MixedDataset(root="data", dataset=f"plume_sim/{preset}", weight=weight)
        for preset, weight in (("warm_plumes", 0.3), ("near_movers", 0.1), ("restless", 0.1))
    )
    return config
