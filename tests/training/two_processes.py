"""A program for one of two processes: trains with the other to the end, then until one of them gets a SIGTERM."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import jax

from jvlgs_jax.training import regime
from jvlgs_jax.training.config import EvaluatorConfig, SelectionConfig
from jvlgs_jax.training.optimizer import OptimizerConfig
from jvlgs_jax.training.processes import join_processes
from jvlgs_jax.training.step import StepParts
from training.toy import FROZEN, toy_config, toy_train

STEPS, STOPPED_AFTER = 8, 3
CONFIG = toy_config(
    steps=STEPS,
    save_every=4,
    # The large epsilon keeps Adam from blowing up the rounding of gradients that are zero in exact arithmetic.
    optimizer=OptimizerConfig(learning_rate=1e-2, epsilon=1e-3, frozen=FROZEN, ema_decay=0.9),
    evaluators=(
        EvaluatorConfig(every=4, baselines=True),
        EvaluatorConfig(name="quick", kind="batches", part="validation", every=2),
    ),
    selection=SelectionConfig(evaluator="quick", metric="loss", goal="lowest"),
)


def interrupting_after(steps: int, make_train_step: Callable, number: signal.Signals) -> Callable:
    """Makes steps of which one is interrupted by a signal."""

    def make(parts: StepParts):
        train_step = make_train_step(parts)

        def interrupted(state, batch):
            following, metrics = train_step(state, batch)
            if int(following.step) == steps:
                signal.raise_signal(number)
            return following, metrics

        return interrupted

    return make


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    join_processes(None, None, None)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # as the command line does
    folder = Path(sys.argv[1])
    toy_train(folder / "whole", CONFIG)
    if jax.process_index() == 1:  # the one that does not write
        regime.make_train_step = interrupting_after(STOPPED_AFTER, regime.make_train_step, signal.SIGTERM)
    toy_train(folder / "stopped", CONFIG)
    raise AssertionError("the signal takes its effect at the end of the training")
