"""The model that ships: a small network trained on simulated clips alone, on two CPU cores.

for clips in simgas_like:448 gasvid_like:256 hard_negatives:256 faint:128; do
    jvlgs prepare --dataset=plume_sim/${clips%:*} --clips=${clips#*:} --data-dir=data
done
jvlgs train --config=configs/plume_small_start.py --workdir=runs/plume_small_start
jvlgs train --config=configs/plume_small.py --workdir=runs/plume_small
jvlgs simulate --preset=simgas_like --clips=6 --frames=300 --seed=77 --output=validation
jvlgs calibrate --checkpoint=runs/plume_small --data-dir=validation --output=models/plume_small

What it scores: docs/results.md.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.small_network(config)
    recipes.plumes_on_disk(config, {"simgas_like": 1.0, "gasvid_like": 0.5, "hard_negatives": 0.4, "faint": 0.25})
    config.data.input_size = (256, 320)
    config.data.batch_size = 6
    config.data.augmentation.crop_probability = 0.3
    config.data.augmentation.crop_scale = (0.5, 1.0)
    config.data.augmentation.polarity_probability = 0.2
    config.data.augmentation.blur_probability = 0.2
    config.data.augmentation.temporal_noise = 1.0
    config.data.augmentation.exposure_drift = 1.5
    config.data.augmentation.cloud_probability = 0.1
    config.train.init_from = ("runs/plume_small_start/model",)
    recipes.from_random_weights(config, steps=2800, learning_rate=1e-3)
    return config
