"""Pretraining of the full network (PVTv2-b5) on simulated clips, 4 clips each for 256 devices.

jvlgs train --config=configs/pretrain_sim_b5.py --workdir=DIR/pretrain --coordinator=auto
jvlgs evaluate --checkpoint=DIR/pretrain --data-dir=LABELLED --baselines --output=DIR/scores

The mesh takes all devices there are; on fewer, set --config.data.batch_size to 4 times their number, or cut batches
with --config.train.optimizer.micro_batches. Never run at this size by us: it was compiled for a v5e-256
(docs/scaling.md).
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.simulated_pretraining(config, encoder="b5", clips_per_batch=1024, steps=50_000)
    config.train.optimizer.learning_rate = 1e-3
    config.train.mesh.fsdp = 4  # parameters and the optimizer's memory over groups of four
    return config
