"""The full network (PVTv2-b5, 352 x 352) in bfloat16 on a TPU pod slice, 32 windows a chip of a v5e-256.

jvlgs compile-check --config=configs/pod_b5.py --target=v5e-256
jvlgs train --config=configs/pod_b5.py --data-dir=DIR --workdir=runs/pod_b5

docs/scaling.md says what has been compiled of it, for all 256 chips and without hardware. It was never run: there are
no scores to expect yet.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.pod_training(config)
    return config
