"""A trained model taken further on footage of your own: a folder of videos or frames, with masks.

jvlgs train --config=configs/finetune_folder.py --data-dir=MY_VIDEOS --workdir=runs/mine --config.train.init_from=MODEL

MODEL is a model folder of a network like this one (PVTv2-b2, temporal planes), such as model/ in the workdir of
simgas_grouped. docs/data.md shows the folder's layout. A fifth of the videos is held out to score on, so it takes five;
with fewer use --config.data.split=grouped/0of3, or all, which scores nothing. Rooms filmed twice by one camera belong
together: hold them out by name with --config.data.split=hold_out:A,B. No run of ours has produced numbers yet.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config, to_config_dict
from jvlgs_jax.models.pvt_v2 import PvtV2Config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    config.model.encoder = to_config_dict(PvtV2Config.variant("b2"))

    config.data.layout = "gas_folder"
    config.data.split = "grouped/0"
    config.data.input_size = (256, 320)
    config.data.batch_size = 4
    recipes.real_footage(config)
    config.data.leak_free_share = None  # there may be no clip without gas

    recipes.fine_tuning(config, epochs=10.0, learning_rate=1e-4)
    return config
