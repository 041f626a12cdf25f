import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fewshot.sinusoid import trial
from jvlgs_jax.fewshot.trials import Trial, run_trials

TRIALS = Trial(jnp.array([0, 1, 0]), jnp.array([3e-3, 3e-3, 1e-3]))
STEPS = 30


@pytest.mark.slow
def test_trials_in_one_program_end_as_each_does_alone():
    """To 1e-4 of a parameter's largest value: sums in another order, carried through 30 steps of Adam."""
    carry_out = trial("maml", steps=STEPS, tasks=5)
    together, alone = run_trials(carry_out, TRIALS), jax.jit(carry_out)
    for number in range(3):
        one = alone(jax.tree.map(lambda x, i=number: x[i], TRIALS))
        of_many = jax.tree.map(lambda x, i=number: x[i], together)
        np.testing.assert_allclose(of_many.losses, one.losses, rtol=1e-4)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4 * float(jnp.abs(b).max())), of_many.meta, one.meta
        )
    assert together.losses.shape == (3, STEPS)
    assert len(np.unique(np.asarray(together.losses)[:, -1])) == 3, "trials do not differ"
