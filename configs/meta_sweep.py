"""Meta-learners and the step sizes of their inner loop side by side, two seeds each.

jvlgs sweep --config=configs/meta_sweep.py --data-dir=data --workdir=runs/meta_sweep
jvlgs meta-train --config=configs/meta_sweep.py --data-dir=data --workdir=runs/meta_fomaml

The second command trains the first of them alone. No run of this sweep has been made.
"""

from collections.abc import Iterator

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    recipes.meta_training(config, "fomaml", steps=200, learning_rate=1e-3)
    return config


def sweep() -> Iterator[dict[str, str | float]]:
    """The settings of each trial."""
    for learner in ("fomaml", "maml", "meta_sgd"):
        for learning_rate in (0.01, 0.03):
            for seed in (0, 1):
                yield {"meta.learner": learner, "meta.inner.learning_rate": learning_rate, "seed": seed}
