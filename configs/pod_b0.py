"""The smallest published encoder (PVTv2-b0, 352 x 352) in bfloat16 on a TPU pod slice, 32 windows a chip of a v5e-256.

jvlgs compile-check --config=configs/pod_b0.py --target=v5e-256
jvlgs train --config=configs/pod_b0.py --data-dir=DIR --workdir=runs/pod_b0

It was compiled for a v5e-256 (docs/scaling.md) and not run on one by us: there are no scores to expect.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config, to_config_dict
from jvlgs_jax.models.pvt_v2 import PvtV2Config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    config.model.encoder = to_config_dict(PvtV2Config.variant("b0"))
    recipes.pod_training(config)
    return config
