"""A tiny network on toy plumes, from random weights: what `make demo-training` trains.

Training took 226 CPU-seconds, of which compiling is about a quarter: 4.5 minutes on two busy cores.

jvlgs train --config=configs/demo.py --data-dir=demo_output/training/data --workdir=demo_output/training/run
jvlgs sweep --config=configs/demo.py --data-dir=demo_output/training/data --workdir=demo_output/training/sweep
"""

from collections.abc import Iterator

from ml_collections import ConfigDict

from jvlgs_jax.experiment import default_config, to_config_dict
from jvlgs_jax.models.pvt_v2 import PvtV2Config
from jvlgs_jax.models.text_encoder import TextEncoderConfig


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()

    config.model.encoder = to_config_dict(
        PvtV2Config(dims=(16, 32, 64, 96), depths=(1, 1, 1, 1), heads=(1, 2, 4, 4), mlp_ratios=(4, 4, 4, 4))
    )
    config.model.channels = 16
    config.model.text = to_config_dict(TextEncoderConfig.tiny())

    config.data.layout = "simgas"
    config.data.split = "hold_out:plume11,plume12"
    config.data.planes = "temporal"
    config.data.input_size = (128, 160)
    config.data.clips.length = 8
    config.data.clips.stride = 2
    config.data.batch_size = 2

    config.train.steps = 100
    config.train.save_every = 100
    config.train.optimizer.learning_rate = 2e-3
    config.train.optimizer.schedule = "warmup_cosine"
    config.train.optimizer.warmup_steps = 20
    config.train.optimizer.frozen = ("text_encoder/.*",)

    return config


def sweep() -> Iterator[dict[str, int]]:
    """How much the result depends on chance."""
    for seed in range(2):
        yield {"seed": seed}
