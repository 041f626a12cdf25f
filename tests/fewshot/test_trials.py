import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fewshot.sinusoid import trial
from jvlgs_jax.fewshot.trials import Trial, TrialResult, run_trials

TRIALS = Trial(jnp.arange(8) // 2, jnp.where(jnp.arange(8) % 2, 1e-3, 3e-3))
STEPS = 30


@pytest.fixture(scope="module")
def carry_out():
    return trial("maml", steps=STEPS, tasks=5)


@pytest.fixture(scope="module")
def alone(carry_out) -> TrialResult:
    run = jax.jit(carry_out)
    results = [run(jax.tree.map(lambda x, i=number: x[i], TRIALS)) for number in range(8)]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *results)


@pytest.mark.slow
def test_trials_one_after_the_other_end_bit_for_bit_as_each_does_alone(carry_out, alone):
    jax.tree.map(np.testing.assert_array_equal, run_trials(carry_out, TRIALS), alone)
    assert len(np.unique(np.asarray(alone.losses)[:, -1])) == 8, "trials do not differ"


@pytest.mark.slow
def test_trials_side_by_side_end_as_each_does_alone(carry_out, alone):
    """To 1e-4 of a parameter's largest value: sums in another order, carried through 30 steps of Adam."""
    together = run_trials(carry_out, TRIALS, abreast=8)
    np.testing.assert_allclose(together.losses, alone.losses, rtol=1e-4)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4 * float(jnp.abs(b).max())), together.meta, alone.meta
    )
