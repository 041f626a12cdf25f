"""What meta-training is for: how well a start does on held-out scenes once it has adapted to each."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.data.clip_source import ClipSource
from jvlgs_jax.data.episodes import Episode, scene_episodes
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.prompts import tokenize
from jvlgs_jax.fewshot.config import MetaConfig
from jvlgs_jax.fewshot.inner_loop import adapt
from jvlgs_jax.fewshot.parameter_subset import paths_of, split_parameters
from jvlgs_jax.fewshot.task_loss import Prepared, TaskLoss, trains_encoder
from jvlgs_jax.interop.model_folder import ModelBundle
from jvlgs_jax.training.config import EvaluatorConfig
from jvlgs_jax.training.evaluators.findings import Findings, HeldOut
from jvlgs_jax.training.losses import LossFunction
from jvlgs_jax.training.state import gathered_model


class QuerySums(NamedTuple):
    """Of queries, to be added up over tasks: losses, and pixels in common and in either at probability 0.5."""

    loss: Float[Array, ""]
    common: Float[Array, ""]
    either: Float[Array, ""]


class TaskEvaluator:
    """Adapts to the support of each held-out scene and measures on its query, before and after.

    Steps have the size of the config, also where step sizes are learned: a model folder holds none. Every process
    measures all scenes.
    """

    def __init__(
        self,
        config: EvaluatorConfig,
        held_out: HeldOut,
        *,
        meta: MetaConfig,
        data: DataConfig,
        loss: LossFunction,
        dtype: jnp.dtype,
        stopped: Callable[[], bool],
    ) -> None:
        """Takes the scenes that `config` names; UserError where none is long enough for a task."""
        source = ClipSource(reader=held_out.reader(config, data.planes))
        self._episodes = scene_episodes(source, data, meta.episodes, seed=0)
        self._patterns = meta.inner.adapted
        self._stopped = stopped
        self._measure = partial(_measure, meta, loss, data.planes, dtype)

    def __call__(self, bundle: ModelBundle, *, final: bool) -> Findings | None:
        """Measures the model; see `Evaluator`."""
        model = gathered_model(bundle.model)
        text = nnx.jit(lambda model: model.encode_text(tokenize(bundle.prompts)))(model)
        chosen = paths_of(split_parameters(nnx.state(model, nnx.Param), self._patterns).adapted)
        graphdef, adapted, rest = nnx.split(model, lambda path, _: "/".join(map(str, path)) in chosen, ...)
        total = None
        for number in range(len(self._episodes)):
            if jax.process_count() == 1 and self._stopped():
                return None
            found = self._measure(graphdef, text, adapted, rest, self._episodes[number])
            total = found if total is None else jax.tree.map(jnp.add, total, found)
        assert total is not None
        before, after = total
        scenes = len(self._episodes)
        return Findings(
            metrics={
                "loss_before": float(before.loss) / scenes,
                "loss": float(after.loss) / scenes,
                "pooled_iou_before": _ratio(before),
                "pooled_iou": _ratio(after),
            }
        )


@partial(jax.jit, static_argnums=(0, 1, 2, 3, 4))
def _measure(
    meta: MetaConfig,
    loss: LossFunction,
    planes: str,
    dtype: jnp.dtype,
    graphdef: nnx.GraphDef,
    text: Float[Array, "p d"],
    adapted: nnx.State,
    rest: nnx.State,
    episode: Episode,
) -> tuple[QuerySums, QuerySums]:
    """Returns what is found before and after adaptation, of a batch of one task."""
    task_loss = TaskLoss(
        graphdef=graphdef,
        rest=(rest,),
        encodes=trains_encoder(adapted),
        loss=loss,
        planes=input_planes(planes),
        text=lambda model: text,
        dtype=dtype,
    )
    support, query = (task_loss.prepare(adapted, jax.tree.map(lambda x: x[0], part)) for part in episode)
    key = jax.random.key(0)
    following = adapt(task_loss, adapted, support, key, meta.inner).params
    return _sums(task_loss, adapted, query), _sums(task_loss, following, query)


def _sums(task_loss: TaskLoss, params: nnx.State, query: Prepared) -> QuerySums:
    logits = task_loss.logits(params, query)
    known = 1.0 if query.ignored is None else query.ignored < 0.5
    seen, true = logits > 0, query.mask > 0.5
    value = task_loss.loss(logits, query.mask, query.ignored).total
    return QuerySums(value, ((seen & true) * known).sum(), ((seen | true) * known).sum())


def _ratio(sums: QuerySums) -> float:
    return float(sums.common / sums.either) if sums.either > 0 else float("nan")
