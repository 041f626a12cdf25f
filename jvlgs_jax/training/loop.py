"""The training loop."""

import itertools
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import grain
import jax
from flax import nnx
from tqdm import tqdm

from jvlgs_jax.data.batch_iterator import placement, process_shard
from jvlgs_jax.data.batches import ClipSource, DataConfig, training_batches
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.prompts import tokenize
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.errors import UserError
from jvlgs_jax.evaluation.baselines import BASELINES, Baseline
from jvlgs_jax.evaluation.evaluator import MODEL, evaluate
from jvlgs_jax.evaluation.report import Scores, save_scores, score
from jvlgs_jax.inference.postprocess import MaskRule
from jvlgs_jax.inference.segmenter import Segmenter
from jvlgs_jax.interop.model_folder import ModelBundle, save_model
from jvlgs_jax.models.jvlgs import Jvlgs
from jvlgs_jax.models.pvt_v2 import REMAT_POLICIES
from jvlgs_jax.training.checkpoints import Checkpoints, restore_from
from jvlgs_jax.training.interruption import DeferredInterruption
from jvlgs_jax.training.losses import loss_function
from jvlgs_jax.training.mesh import MeshConfig, batch_sharding, make_mesh, shardings, with_shardings
from jvlgs_jax.training.optimizer import OptimizerConfig, make_optimizer
from jvlgs_jax.training.precision import compute_dtype
from jvlgs_jax.training.state import TrainState, create_state, evaluation_model, materialize, with_weights
from jvlgs_jax.training.step import TrainStep, make_train_step, text_features
from jvlgs_jax.training.writers import MetricWriter

MODEL_FOLDER = "model"
SCORES = "scores.json"


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long to train, from where, and what to keep.

    A training starts from the first of these that there is: the last checkpoint in its own workdir, `resume`,
    `init_from`, random weights.

    Attributes:
        steps: batches in all.
        loss: "published" or "intended", see `losses`.
        optimizer: how parameters are changed.
        precision: of the network's arithmetic, "float32" or "bfloat16"; parameters are float32 in either.
        remat: what the video encoder's blocks keep for the gradient: "none" recomputes nothing, "full" all but their
            inputs, "dots" all but their inputs and linear layers. Less memory, more time, the same results.
        mesh: the devices; a checkpoint goes on with any other number of them.
        evaluate_every: steps between evaluations on the held-out scenes; None evaluates only at the end.
        save_every: steps between checkpoints.
        keep: checkpoints kept, the latest ones.
        resume: workdir of another training to go on from exactly: same data, same optimizer.
        init_from: model folder, or one of a part of the network, whose weights replace the random ones.
    """

    steps: int = 10_000
    loss: str = "published"
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    precision: str = "float32"
    remat: str = "none"
    mesh: MeshConfig = field(default_factory=MeshConfig)
    evaluate_every: int | None = None
    save_every: int = 500
    keep: int = 2
    resume: str | None = None
    init_from: str | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "save_every", "evaluate_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"train.{name} is {value}, the least is 1: use a larger one")
        compute_dtype(self.precision)
        if self.remat not in REMAT_POLICIES:
            raise UserError(f"unknown remat {self.remat!r}: the choices are {', '.join(REMAT_POLICIES)}")
        make_optimizer(self.optimizer, self.steps)  # raises what only the two together show, before the slow start


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """What a training is measured by.

    Attributes:
        scenes: labelled scenes that it does not see; without any, nothing is evaluated.
        rule: from the model's probabilities to masks.
    """

    scenes: Sequence[Scene]
    rule: MaskRule


def train(
    make_model: Callable[[], Jvlgs],
    prompts: tuple[str, ...],
    sources: Sequence[ClipSource],
    held_out: HeldOut,
    *,
    data: DataConfig,
    config: TrainConfig,
    seed: int,
    workdir: Path,
) -> dict[str, Scores]:
    """Trains a model on `sources`, or goes on where an earlier call with this workdir stopped, and evaluates it.

    The workdir receives `checkpoints/`, `metrics.jsonl`, `tensorboard/` and at the end the model folder `model/` and
    `scores.json`. A training that was killed and started again ends with exactly the same weights.

    Ctrl-C and SIGTERM save a checkpoint and then take their usual effect. Call it from the main thread.

    Args:
        make_model: builds the network with its random weights; it is traced, so that they are made where they live.
        prompts: what it looks for.
        sources: labelled scenes to train on, read as the planes of `data`.
        held_out: labelled scenes to evaluate on.
        data: how clips are made; its root, layout and split are not used here.
        config: the training itself.
        seed: of the order of the clips and their augmentation.
        workdir: the training's folder, made if it is missing.

    Returns:
        the final scores on the held-out scenes, of the model and of the classical baselines, by method.

    UserError for a config that does not fit the model, the devices or the workdir, and for a loss that is not finite.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    bundle = ModelBundle(
        nnx.eval_shape(make_model), prompts, data.planes, data.input_size, data.clips.step, data.clips.direction
    )
    optimizer = make_optimizer(config.optimizer, config.steps)
    mesh = make_mesh(config.mesh)
    place = placement(batch_sharding(mesh, data.batch_size, config.optimizer.micro_batches))

    def build() -> tuple[nnx.GraphDef, TrainState]:
        has_ema = config.optimizer.ema_decay is not None
        model = make_model()
        model.set_attributes(remat=config.remat)
        return create_state(model, config.optimizer.frozen, optimizer, ema=has_ema)

    graphdef, abstract = jax.eval_shape(build)
    places = shardings(abstract, mesh)
    with (
        closing(training_batches(sources, data, seed=seed, shard=process_shard(), place=place)) as batches,
        DeferredInterruption() as interruption,
        Checkpoints(workdir, bundle, keep=config.keep) as checkpoints,
    ):
        state = _saved(with_shardings(abstract, places), config, checkpoints, batches)
        if state is None:
            state = materialize(lambda: build()[1], places)
            if config.init_from is not None:
                state = with_weights(graphdef, state, config.optimizer.frozen, Path(config.init_from))

        def trained(state: TrainState) -> ModelBundle:
            return replace(bundle, model=evaluation_model(graphdef, state))

        def evaluation(state: TrainState, baselines: Mapping[str, Baseline]) -> dict[str, Scores]:
            return _evaluate(trained(state), held_out, baselines, interruption)

        train_step = make_train_step(
            graphdef,
            shardings=places,
            config=config.optimizer,
            optimizer=optimizer,
            precision=config.precision,
            loss=loss_function(config.loss),
            planes=input_planes(data.planes),
            text=text_features(trained(state).model, tokenize(prompts), config.optimizer.frozen),
        )
        with MetricWriter(workdir, int(state.step)) as writer:
            state, scores = _loop(
                state, train_step, batches, evaluation, checkpoints, writer, config=config, interruption=interruption
            )
        if interruption.requested is None:
            save_model(workdir / MODEL_FOLDER, trained(state))
            if scores:
                save_scores(workdir / SCORES, scores)
        else:
            print(f"{workdir}: saved at step {state.step}; the same command goes on from there", file=sys.stderr)
    return scores


def _loop(
    state: TrainState,
    train_step: TrainStep,
    batches: grain.DatasetIterator,
    evaluation: Callable[[TrainState, Mapping[str, Baseline]], dict[str, Scores]],
    checkpoints: Checkpoints,
    writer: MetricWriter,
    *,
    config: TrainConfig,
    interruption: DeferredInterruption,
) -> tuple[TrainState, dict[str, Scores]]:
    """Returns the state at the end or at an interruption, and the scores of the last evaluation."""
    start, scores = int(state.step), {}
    with tqdm(total=config.steps, initial=start, desc="train", unit="step") as progress:
        # The order matters: step k evaluates and saves the state that has seen exactly k batches.
        for step in range(start, config.steps + 1):
            if _is_evaluated(step, config):
                scores = evaluation(state, BASELINES if step == config.steps else {})
                summary = _summary(scores)
                writer.write(step, summary)
                described = ", ".join(f"{name} {value:.3f}" for name, value in summary.items())
                progress.write(f"step {step}: {described or 'not evaluated'}", file=sys.stderr)
            finished = step == config.steps or interruption.requested is not None
            if step > start and (finished or step % config.save_every == 0):
                writer.flush_before(step)  # raises if a loss is not finite: what followed from it is not saved
                checkpoints.save(step, state, batches)
            if finished:
                break
            batch = next(batches)  # moves the iterator, so only after the save
            state, metrics = train_step(state, batch)
            writer.write(step, metrics)
            if writer.latest:
                progress.set_postfix(loss=writer.latest["loss"], refresh=False)
            progress.update()
    return state, scores


def _saved(
    abstract: TrainState, config: TrainConfig, checkpoints: Checkpoints, batches: grain.DatasetIterator
) -> TrainState | None:
    """Returns the saved state to go on from, if any, in the shardings of `abstract`, with `batches` at its place."""
    if checkpoints.latest is not None:
        state = checkpoints.restore(abstract, batches)
    elif config.resume is not None:
        state = restore_from(Path(config.resume), abstract, batches)
    else:
        return None
    if state.step > config.steps:
        raise UserError(f"train.steps is {config.steps}, but this training is at step {state.step}: use a new workdir")
    return state


def _is_evaluated(step: int, config: TrainConfig) -> bool:
    every = config.evaluate_every
    return step == config.steps or (every is not None and step > 0 and step % every == 0)


def _evaluate(
    bundle: ModelBundle, held_out: HeldOut, baselines: Mapping[str, Baseline], interruption: DeferredInterruption
) -> dict[str, Scores]:
    """Scores the model and `baselines` on the held-out scenes; no scores without scenes or after an interruption."""
    if not held_out.scenes:
        return {}
    scenes = itertools.takewhile(lambda _: interruption.requested is None, held_out.scenes)
    evaluation = evaluate(Segmenter(bundle), scenes, held_out.rule, baselines)
    if interruption.requested is not None:
        return {}
    return {method: score(records) for method, records in evaluation.records.items()}


def _summary(scores: Mapping[str, Scores]) -> dict[str, float]:
    """The few numbers of an evaluation that are recorded as training goes on."""
    if MODEL not in scores:
        return {}
    of = scores[MODEL]
    numbers = {
        "evaluation/jvlgs_j": of.jvlgs.j,
        "evaluation/jvlgs_f": of.jvlgs.f,
        "evaluation/false_alarm_rate": of.alarms.false_alarm_rate,
        "evaluation/detection_rate": of.alarms.detection_rate,
    }
    return {name: value for name, value in numbers.items() if not math.isnan(value)}
