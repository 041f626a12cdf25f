"""The published protocol on IGS-Few: its own training and validation scenes, 150 epochs, a tenth of the rate from 120.

jvlgs prepare --dataset=igs_few --manual-dir=DOWNLOADED --data-dir=DIR
jvlgs train --config=configs/igs_few_published.py --data-dir=DIR --workdir=runs/igs_few_published \
    --config.train.init_from=published_encoder

See simgas_published for the encoder's weights and for the choice of the epoch. It aims at the published table, J 67.06
and F 77.05 (jvlgs convention). No run of ours has produced numbers yet.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    config.data.dataset = "igs_few"
    config.data.split = "stated/val"
    recipes.published_protocol(config, epochs=150.0, decay_epoch=120.0)
    return config
