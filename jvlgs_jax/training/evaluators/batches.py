"""The quick evaluation: loss and pooled overlap at the network's size, in one compiled step over all devices."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float

from jvlgs_jax.data.batch_iterator import placement, process_shard
from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.data.evaluation_batches import EvaluationBatch, evaluation_batches
from jvlgs_jax.data.planes import InputPlanes, input_planes
from jvlgs_jax.data.prompts import PromptTokens, tokenize
from jvlgs_jax.interop.model_folder import ModelBundle
from jvlgs_jax.training.config import EvaluatorConfig
from jvlgs_jax.training.evaluators.findings import Findings, HeldOut
from jvlgs_jax.training.losses import LossFunction
from jvlgs_jax.training.mesh import DATA, FSDP, batch_sharding, replicated
from jvlgs_jax.training.precision import cast_parameters

THRESHOLD = 0.5  # of the probability


@partial(
    jax.tree_util.register_dataclass, data_fields=["loss", "bce", "iou", "frames", "tp", "fp", "fn"], meta_fields=[]
)
@dataclass(frozen=True)
class MaskCounts:
    """Sums over frames, which batches and processes may add; pixels are counted in units of a whole frame."""

    loss: Float[Array, ""]
    bce: Float[Array, ""]
    iou: Float[Array, ""]
    frames: Float[Array, ""]
    tp: Float[Array, ""]
    fp: Float[Array, ""]
    fn: Float[Array, ""]

    def metrics(self) -> dict[str, float]:
        """Returns mean losses over frames, and the intersection over union of all their pixels together."""
        union = self.tp + self.fp + self.fn
        return {
            "loss": float(self.loss / self.frames),
            "bce": float(self.bce / self.frames),
            "iou": float(self.iou / self.frames),
            "pooled_iou": float(self.tp / union) if union > 0 else float("nan"),
        }


class BatchEvaluator:
    """Measures loss and overlap on clips at the network's size; frames count once each, without augmentation."""

    def __init__(
        self,
        config: EvaluatorConfig,
        held_out: HeldOut,
        *,
        data: DataConfig,
        mesh: Mesh,
        loss: LossFunction,
        dtype: jnp.dtype,
        stopped: Callable[[], bool],
    ) -> None:
        """Takes the scenes that `config` names and computes on `mesh` in `dtype`.

        UserError for a batch that the devices cannot share equally.
        """
        self._reader = held_out.reader(config, data.planes)
        self._data = data
        self._place = placement(batch_sharding(mesh, data.batch_size, 1))
        self._step = _make_step(replicated(mesh), loss, input_planes(data.planes), dtype)
        self._stopped = stopped

    def __call__(self, bundle: ModelBundle, *, final: bool) -> Findings | None:
        """Measures the model; see `Evaluator`. It is so quick that several processes finish it when interrupted."""
        graphdef, state = nnx.split(bundle.model)
        tokens, total = tokenize(bundle.prompts), None
        reading = evaluation_batches(self._reader, self._data, shard=process_shard(), place=self._place)
        with closing(reading) as batches:
            for batch in batches:
                if jax.process_count() == 1 and self._stopped():
                    return None
                counts = self._step(graphdef, state, tokens, batch)
                total = counts if total is None else jax.tree.map(jnp.add, total, counts)
        return Findings(metrics={} if total is None else total.metrics())


def _make_step(
    whole: jax.sharding.NamedSharding, loss: LossFunction, planes: InputPlanes, dtype: jnp.dtype
) -> Callable[[nnx.GraphDef, nnx.State, PromptTokens, EvaluationBatch], MaskCounts]:
    def terms(logits: Float[Array, "h w 1"], mask: Float[Array, "h w 1"]) -> tuple[Array, Array, Array]:
        of_frame = loss(logits, mask)
        return of_frame.total, of_frame.bce, of_frame.iou

    rows = PartitionSpec((DATA, FSDP))

    @partial(jax.jit, static_argnums=0, out_shardings=whole)
    def step(graphdef: nnx.GraphDef, state: nnx.State, tokens: PromptTokens, batch: EvaluationBatch) -> MaskCounts:
        gathered = jax.lax.with_sharding_constraint(cast_parameters(state, dtype), whole)
        text = nnx.merge(graphdef, gathered).encode_text(tokens)

        # XLA cannot cut a TPU kernel, such as attention, over devices: each is given its own rows.
        @partial(jax.shard_map, mesh=whole.mesh, in_specs=(PartitionSpec(), rows, PartitionSpec()), out_specs=rows)
        def of_own_rows(state: nnx.State, clips: Array, text: Array) -> Array:
            return nnx.merge(graphdef, state)(planes.normalize(clips).astype(dtype), text).logits

        logits = of_own_rows(gathered, jnp.asarray(batch.planes), text).astype(jnp.float32)
        logits, mask = (x.reshape(-1, *x.shape[2:]) for x in (logits, jnp.asarray(batch.mask)))  # b w h w 1 -> n h w 1
        total, bce, iou = jax.vmap(terms)(logits, mask)
        counts = batch.counts.reshape(-1).astype(jnp.float32)
        predicted, true = logits > np.log(THRESHOLD / (1 - THRESHOLD)), mask > THRESHOLD

        def pooled(pixels: Array) -> Array:
            return (counts * pixels.mean((1, 2, 3), dtype=jnp.float32)).sum()

        return MaskCounts(
            loss=(counts * total).sum(),
            bce=(counts * bce).sum(),
            iou=(counts * iou).sum(),
            frames=counts.sum(),
            tp=pooled(predicted & true),
            fp=pooled(predicted & ~true),
            fn=pooled(~predicted & true),
        )

    return step
