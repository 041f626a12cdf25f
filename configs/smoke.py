"""The smallest training with all its parts, to see that an installation works: tiny network, toy plumes, 20 steps.

python -m jvlgs_jax.data.toy_plumes DIR
jvlgs train --config=configs/smoke.py --data-dir=DIR --workdir=runs/smoke
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config, to_config_dict
from jvlgs_jax.models.jvlgs import JvlgsConfig
from jvlgs_jax.training.config import EvaluatorConfig


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    config.model = to_config_dict(JvlgsConfig.tiny())

    config.data.layout = "simgas"
    config.data.split = "grouped/0"
    config.data.planes = "temporal"
    config.data.input_size = (64, 64)
    config.data.batch_size = 2

    config.train.steps = 20
    config.train.save_every = 10
    config.train.optimizer.learning_rate = 1e-3
    config.train.optimizer.frozen = recipes.TEXT_FROZEN
    config.train.evaluators = (EvaluatorConfig(name="test", kind="batches", every=10),)
    return config
