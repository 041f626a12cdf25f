"""Evaluating the checkpoints of a training from another process, as they appear."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from jvlgs_jax.errors import UserError
from jvlgs_jax.training.checkpoints import checkpoint_steps, load_bundle
from jvlgs_jax.training.evaluators.findings import Findings
from jvlgs_jax.training.evaluators.schedule import Evaluators


def follow(
    workdir: Path, evaluators: Evaluators, *, last_step: int, poll_seconds: float = 10.0, after: int = 0
) -> Iterator[tuple[int, Mapping[str, Findings]]]:
    """Yields what `evaluators` find in each checkpoint of a training that they are due for, as it appears.

    It ends after the checkpoint of `last_step`. A checkpoint that the training deletes before its turn is left out, so
    let the training keep a few.

    Args:
        workdir: of the training, which may not have begun.
        evaluators: made for the training's config.
        last_step: the training's `steps`.
        poll_seconds: how often to look.
        after: the last step that needs no evaluation any more.
    """
    while after < last_step:
        for step in checkpoint_steps(workdir):
            if step <= after:
                continue
            after = step
            if not evaluators.due(step):
                continue
            try:
                bundle = load_bundle(workdir, step)
            except UserError:
                if step in checkpoint_steps(workdir):
                    raise
                continue  # deleted meanwhile
            found = evaluators.run(step, lambda bundle=bundle: bundle)
            if found is None:
                return
            yield step, found
        if after < last_step:
            time.sleep(poll_seconds)
