import pytest
from flax import nnx

from jvlgs_jax.errors import UserError
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig
from jvlgs_jax.training.program import training_program
from training.toy import DATA, toy_config, toy_network


def test_an_attention_of_other_devices_is_refused_before_anything_is_compiled():
    with pytest.raises(UserError, match="attention 'pallas_tpu' runs on tpu, but the devices are cpu"):
        training_program(toy_network, DATA, toy_config(attention="pallas_tpu"))


@pytest.mark.slow
def test_the_config_chooses_how_all_parts_attend():
    chosen = {}
    for attention in ("auto", "reference"):
        config = toy_config(attention=attention)
        program = training_program(lambda: Jvlgs(JvlgsConfig.tiny(), rngs=nnx.Rngs(0)), DATA, config)
        model = nnx.merge(program.graphdef, program.shapes.params, program.shapes.frozen, program.shapes.stats)
        parts = [part for _, part in nnx.iter_modules(model) if hasattr(part, "implementation")]
        assert len(parts) == 4 + 3  # stages, whose blocks are stacked, and levels
        chosen[attention] = {part.implementation for part in parts}
    assert chosen == {"auto": {None}, "reference": {"reference"}}
