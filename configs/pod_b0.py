"""The smallest published encoder (PVTv2-b0, 352 x 352) in bfloat16 on a TPU pod slice, 32 windows a chip of a v5e-256.

jvlgs compile-check --config=configs/pod_b0.py --target=v5e-256
jvlgs train --config=configs/pod_b0.py --data-dir=DIR --workdir=runs/pod_b0

It has been compiled for pods, see docs/scaling.md, but not run on one: there are no scores to expect yet.
"""

from ml_collections import ConfigDict

from jvlgs_jax.experiment import default_config, to_config_dict
from jvlgs_jax.models.pvt_v2 import PvtV2Config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()

    config.model.encoder = to_config_dict(PvtV2Config.variant("b0"))

    config.data.batch_size = 32 * 256

    config.train.steps = 20_000
    config.train.precision = "bfloat16"
    config.train.remat = "full"
    config.train.optimizer.name = "adamw"
    config.train.optimizer.schedule = "warmup_cosine"
    config.train.optimizer.warmup_steps = 500
    config.train.optimizer.gradient_norm = 1.0

    return config
