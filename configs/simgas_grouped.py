"""SimGas by our conventions: no background on both sides of a fold, temporal planes, the best checkpoint by validation.

jvlgs train --config=configs/simgas_grouped.py --data-dir=DIR --folds=grouped --workdir=runs/simgas_grouped \
    --config.train.init_from=imagenet_b2

One fold: leave --folds out. Each fold is validated on the next one, which is not trained on either. `jvlgs convert
pvt_v2_b2.pth --output=imagenet_b2` makes the encoder's first weights; without init_from they are random. Reports the
last checkpoint and the best on validation, each labelled. No run of ours has produced numbers yet.
"""

from ml_collections import ConfigDict

from jvlgs_jax import recipes
from jvlgs_jax.experiment import default_config, to_config_dict
from jvlgs_jax.models.pvt_v2 import PvtV2Config
from jvlgs_jax.training.config import EvaluatorConfig


def get_config() -> ConfigDict:
    """The experiment, to be changed on the command line with --config.KEY=VALUE."""
    config = default_config()
    config.model.encoder = to_config_dict(PvtV2Config.variant("b2"))

    config.data.layout = "simgas"
    config.data.split = "grouped/0"
    config.data.validation = "grouped/1"
    config.data.input_size = (256, 320)
    config.data.batch_size = 8
    recipes.real_footage(config)

    recipes.fine_tuning(config, epochs=20.0, learning_rate=5e-4)
    config.train.evaluators = (
        EvaluatorConfig(name="test", baselines=True),
        EvaluatorConfig(name="validation", part="validation", every_epochs=2.0),
    )
    config.train.selection.evaluator = "validation"
    return config
