"""The model that ships: a small network trained on simulated clips alone, on two CPU cores.

for clips in simgas_like:448 gasvid_like:256 hard_negatives:256 faint:128 young_jets:400 warm_plumes:448 \
    restless:160 near_movers:128; do
    jvlgs prepare --dataset=plume_sim/${clips%:*} --clips=${clips#*:} --data-dir=data
done
for part in start mixed jets warm; do
    jvlgs train --config=configs/plume_small_$part.py --workdir=runs/plume_small_$part
done
jvlgs train --config=configs/plume_small.py --workdir=runs/plume_small
for preset in simgas_like warm_plumes; do
    jvlgs simulate --preset=$preset --clips=6 --frames=300 --seed=77 --output=validation
done
jvlgs calibrate --checkpoint=runs/plume_small --data-dir=validation --input-size=288x384 --coarse-size=192x256 \
    --output=models/plume_small

What it scores, and why its gate is another one: docs/results.md.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.small_network(config)
    # Hardly any steam that is not gas: it looks like gas.
    recipes.plumes_on_disk(config, {"warm_plumes": 1.0, "restless": 0.25, "near_movers": 0.15, "gasvid_like": 0.1})
    recipes.small_and_zoomed(config)
    config.data.input_size = (192, 256)  # half again as large as before: so are the largest plumes
    config.train.init_from = ("runs/plume_small_warm/model",)
    recipes.adamw_cosine(config, steps=1800, learning_rate=7e-4)
    return config
