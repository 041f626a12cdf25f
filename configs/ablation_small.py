"""What each part of ours is worth to the small network: with all, without each, without all; three seeds each.

jvlgs prepare --dataset=plume_sim/simgas_like --clips=448 --data-dir=data
jvlgs sweep --config=configs/ablation_small.py --workdir=runs/ablation --jobs=2
python benchmarks/sweep_on.py runs/ablation --data-dir=SIMGAS --layout=simgas --threshold=20
jvlgs train --config=configs/ablation_small.py --workdir=runs/ablation_all

Each is trained as the first part of `plume_small` is, 600 steps on easy simulated leaks at 128x160, but without every
eighth clip, on which it is scored. The last command trains the network with all parts alone. What was found:
docs/results.md.
"""

from collections.abc import Iterator

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config
from jvlgs_jax.training.config import EvaluatorConfig

PUBLISHED = {"data.planes": "grey", "model.fusion": "prompt_projection", "model.decoder": "fpn"}
LONGER_WINDOW = {"data.clips.step": 5}  # three frames over two thirds of a second in place of an eighth


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.small_network(config)
    recipes.plumes_on_disk(config, {"simgas_like": 1.0})
    config.data.input_size = (128, 160)
    config.data.split = "grouped/0of8"
    recipes.adamw_cosine(config, steps=600, learning_rate=1e-3)
    config.train.evaluators = (EvaluatorConfig(name="held_out"),)
    return config


def sweep() -> Iterator[dict[str, str | int]]:
    """The settings of each trial: what differs from the network with all parts of ours, and the seed."""
    without_one = [{name: value} for name, value in PUBLISHED.items()]
    temporal_planes_alone = {name: value for name, value in PUBLISHED.items() if name != "data.planes"}
    for variants in (({}, *without_one, PUBLISHED), (temporal_planes_alone, LONGER_WINDOW)):
        for seed in range(3):
            for settings in variants:
                yield {**settings, "seed": seed}
