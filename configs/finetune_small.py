"""The small model that ships, taken further on footage of your own: a folder of videos or frames, with masks.

jvlgs train --config=configs/finetune_small.py --data-dir=MY_VIDEOS --workdir=runs/mine
jvlgs predict video.mp4 --checkpoint=runs/mine --output=out

docs/data.md shows the folder's layout. A fifth of the videos is held out to score on, so it takes five; with fewer use
--config.data.split=grouped/0of3, or all, which scores nothing. Of a single site with a handful of labelled frames
`jvlgs adapt` makes more. The steps are those of configs/simgas_small.py; no run of ours has produced numbers for
footage of another kind.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.small_fine_tuning(config)
    config.data.layout = "gas_folder"
    config.data.leak_free_share = None  # there may be no clip without gas
    return config
