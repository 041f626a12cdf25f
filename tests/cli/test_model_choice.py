import pytest

from jvlgs_jax.cli.model_choice import with_use
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.postprocess import ConfidenceGate, MinMaxOpening
from jvlgs_jax.interop.model_folder import ModelBundle
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig


@pytest.fixture(scope="module")
def bundle():
    class Sized(Jvlgs):
        """All that is asked of the network here is its sizes."""

        def __init__(self):
            self.config = JvlgsConfig.tiny()

    return ModelBundle(Sized(), ("a", "b", "c", "d"), "rgb", (64, 96), rule={"name": "confidence_gate", "low": 0.1})


def test_a_model_is_run_as_it_says(bundle):
    assert with_use(bundle, prompts=None, rule=None) == (bundle, ConfidenceGate(low=0.1))


def test_without_a_rule_of_its_own_it_has_the_default_gate(bundle):
    plain = ModelBundle(bundle.model, bundle.prompts, "rgb", (64, 96))
    assert with_use(plain, prompts=None, rule=None).rule == ConfidenceGate()


def test_prompts_and_rule_can_be_given(bundle):
    chosen = with_use(bundle, prompts="a tree, <empty>, a,b", rule="minmax_opening")
    assert chosen.bundle.prompts == ("a tree", "<empty>", "a", "b")
    assert chosen.rule == MinMaxOpening()
    assert with_use(bundle, prompts=None, rule="confidence_gate").rule == ConfidenceGate()


def test_the_published_fusion_takes_as_many_prompts_as_it_was_made_for(bundle):
    with pytest.raises(UserError, match="--prompts: 1 given, but this network was built for 4"):
        with_use(bundle, prompts="a tree", rule=None)
