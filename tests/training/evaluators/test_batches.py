from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jvlgs_jax.data.evaluation_batches import evaluation_batches
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.prompts import tokenize
from jvlgs_jax.training.config import EvaluatorConfig
from jvlgs_jax.training.evaluators.batches import BatchEvaluator
from jvlgs_jax.training.evaluators.findings import HeldOut
from jvlgs_jax.training.losses import structure_loss_published
from jvlgs_jax.training.mesh import MeshConfig, make_mesh
from training.toy import DATA, toy_bundle, toy_scene

HELD_OUT = HeldOut(test=[toy_scene("a", 0, frames=7), toy_scene("b", 1, frames=5)])
CONFIG = EvaluatorConfig(kind="batches")


def evaluator(config: EvaluatorConfig = CONFIG, stopped: bool = False) -> BatchEvaluator:
    return BatchEvaluator(
        config,
        HELD_OUT,
        data=DATA,
        mesh=make_mesh(MeshConfig(data=1)),
        loss=structure_loss_published,
        dtype=jnp.dtype("float32"),
        stopped=lambda: stopped,
    )


def bundle():
    toy = toy_bundle()
    toy.model.eval()
    return toy


@pytest.mark.slow
def test_every_frame_counts_once_in_mean_losses_and_pooled_overlap():
    toy, reader = bundle(), HELD_OUT.reader(CONFIG, DATA.planes)
    text = toy.model.encode_text(tokenize(toy.prompts))
    losses, intersection, union = [], 0, 0
    # One clip at a time, frame by frame, in the plainest way.
    for batch in evaluation_batches(reader, replace(DATA, batch_size=1)):
        logits = np.asarray(toy.model(input_planes(DATA.planes).normalize(jnp.asarray(batch.planes)), text).logits)
        for window in np.flatnonzero(batch.counts[0]):
            frame, mask = logits[0, window], batch.mask[0, window]
            losses.append(structure_loss_published(jnp.asarray(frame), jnp.asarray(mask)))
            intersection += np.sum((frame > 0) & (mask > 0.5))
            union += np.sum((frame > 0) | (mask > 0.5))
    assert len(losses) == 7 + 5
    metrics = evaluator()(toy, final=False).metrics
    assert metrics["loss"] == pytest.approx(np.mean([loss.total for loss in losses]), rel=1e-5)
    assert metrics["bce"] == pytest.approx(np.mean([loss.bce for loss in losses]), rel=1e-5)
    assert metrics["iou"] == pytest.approx(np.mean([loss.iou for loss in losses]), rel=1e-5)
    assert metrics["pooled_iou"] == pytest.approx(intersection / union, rel=1e-5)
    assert 0 < intersection < union


def test_takes_the_scenes_it_is_told_to():
    one = evaluator(EvaluatorConfig(kind="batches", scenes=("b",)))(bundle(), final=False).metrics
    assert one["loss"] != evaluator()(bundle(), final=False).metrics["loss"]


def test_gives_up_when_interrupted():
    assert evaluator(stopped=True)(bundle(), final=True) is None


def test_compiles_once():
    with jax.log_compiles(False):
        own = evaluator()
        for _ in range(2):
            own(bundle(), final=False)
    assert own._step._cache_size() == 1
