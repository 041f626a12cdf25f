"""The training loop.

The workdir receives `checkpoints/`, `metrics.jsonl`, `timing.jsonl`, `tensorboard/`, at the end the model folder
`model/` and `scores.json`, and if the config selects a best checkpoint, `model_best/` and `scores_best.json`. A
training that was killed and started again ends with exactly the same weights and metrics.

With several processes (`processes.join_processes`), all train with the same arguments; they share each batch and the
held-out scenes, and the first one writes. The workdir is a folder that all of them see. Ctrl-C and SIGTERM to any
process save a checkpoint and then take their usual effect in all.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grain
import jax
import jax.numpy as jnp
from flax import nnx

from jvlgs_jax.data.batch_iterator import placement, process_shard
from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.data.clip_source import TrainingSource
from jvlgs_jax.data.prompts import tokenize
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.postprocess import describe_rule
from jvlgs_jax.interop.model_folder import ModelBundle
from jvlgs_jax.models.jvlgs import Jvlgs
from jvlgs_jax.training.checkpoints import Checkpoints, restore_from
from jvlgs_jax.training.chips import chip_of_kind
from jvlgs_jax.training.config import TrainConfig
from jvlgs_jax.training.evaluators.findings import Findings, HeldOut
from jvlgs_jax.training.evaluators.schedule import Evaluators
from jvlgs_jax.training.interruption import DeferredInterruption, SharedInterruption
from jvlgs_jax.training.outcome import LAST, JudgedModel, best_selection
from jvlgs_jax.training.processes import is_first
from jvlgs_jax.training.program import TrainingProgram, training_program
from jvlgs_jax.training.provenance import code_version
from jvlgs_jax.training.recorder import Recorder
from jvlgs_jax.training.regime import Regime, Supervised
from jvlgs_jax.training.state import (
    TrainState,
    evaluation_model,
    gathered_model,
    trained_model,
    with_weights,
)
from jvlgs_jax.training.step import TrainStep
from jvlgs_jax.training.step_clock import StepClock
from jvlgs_jax.training.text_features import text_features
from jvlgs_jax.training.trace import Trace


@dataclass(frozen=True, kw_only=True)
class _Run:
    """The parts of a training that the loop works with; `bundle` is the model of a state."""

    config: TrainConfig
    train_step: TrainStep
    batches: grain.DatasetIterator
    bundle: Callable[[TrainState], ModelBundle]
    evaluators: Evaluators
    checkpoints: Checkpoints
    interruption: SharedInterruption
    clock: StepClock
    recorder: Recorder
    trace: Trace


def train(
    make_model: Callable[[], Jvlgs],
    prompts: tuple[str, ...],
    sources: Sequence[TrainingSource],
    held_out: HeldOut,
    *,
    data: DataConfig,
    config: TrainConfig,
    seed: int,
    workdir: Path,
    regime: Regime | None = None,
    about: Mapping[str, Any] | None = None,
    profile: range = range(0),
    begun: Callable[[], None] = lambda: None,
) -> list[JudgedModel]:
    """Trains a model on `sources`, or goes on where an earlier call with this workdir stopped, and evaluates it.

    Args:
        make_model: builds the network with its random weights; it is traced, so that they are made where they live.
        prompts: what it looks for.
        sources: labelled scenes to train on, read as the planes of `data`.
        held_out: labelled scenes to evaluate on; the model's masks are made by its gate from then on.
        data: how clips are made; its root, layout and split are not used here.
        config: the training itself.
        seed: of the order of the clips and their augmentation.
        workdir: the training's folder, made if it is missing.
        regime: what a step learns from, and how; None: from batches of labelled clips.
        about: the whole experiment as JSON, to be stored with each checkpoint.
        profile: steps of which a trace is recorded in the workdir's `profile`.
        begun: called by each process once the config is known to fit the workdir, before the first step.

    Returns:
        the model of the last step and what was found in it, then the best one if the config selects one.

    Call it from the main thread. UserError for a config that does not fit the model, the devices or the workdir, and
    for a loss that is not finite.
    """
    regime = regime or Supervised()
    config = config.in_steps(regime.steps_per_epoch(sources, data) if sources else 1)
    workdir.mkdir(parents=True, exist_ok=True)
    program = training_program(make_model, data, config, regime=regime)
    about = {"experiment": about, "steps": config.total_steps, "code": code_version()}
    bundle = ModelBundle(
        model=nnx.eval_shape(make_model),
        prompts=prompts,
        planes=data.planes,
        input_size=data.model_size,
        step=data.clips.step,
        direction=data.clips.direction,
        rule=describe_rule(held_out.gate),
        coarse_size=data.coarse_size,
    )
    place = placement(program.rows)
    with (
        closing(regime.batches(sources, data, seed=seed, shard=process_shard(), place=place)) as batches,
        DeferredInterruption() as own,
        Checkpoints(workdir, bundle, keep=config.keep, about=about) as checkpoints,
    ):

        def stopped() -> bool:
            return own.requested is not None

        of_tasks = regime.task_evaluators(config, held_out, data, stopped=stopped)
        evaluators = Evaluators(config, held_out, data=data, mesh=program.mesh, stopped=stopped, of_tasks=of_tasks)
        state = _first_state(program, checkpoints, batches)
        run = _prepared(workdir, program, state, bundle, batches, evaluators, checkpoints, own, about, profile)
        begun()
        return _carry_out(workdir, state, run)


def _first_state(program: TrainingProgram, checkpoints: Checkpoints, batches: grain.DatasetIterator) -> TrainState:
    """Returns what the training starts from or goes on with, with `batches` at its place."""
    config = program.config
    state = _saved(program.shapes, config, checkpoints, batches)
    if state is not None:
        return state
    state = program.random_state()
    if config.init_from:
        state = with_weights(program.graphdef, state, config.optimizer.frozen, config.initial_weights)
    return state


def _prepared(
    workdir: Path,
    program: TrainingProgram,
    state: TrainState,
    bundle: ModelBundle,
    batches: grain.DatasetIterator,
    evaluators: Evaluators,
    checkpoints: Checkpoints,
    own: DeferredInterruption,
    about: Mapping[str, Any],
    profile: range,
) -> _Run:
    """Builds the step for `state`, and what records it."""
    config, graphdef = program.config, program.graphdef
    text = text_features(evaluation_model(graphdef, state), tokenize(bundle.prompts), config.optimizer.frozen)
    clock = StepClock(clips_per_step=program.regime.clips(program.data), devices=program.mesh.size)
    if (chip := chip_of_kind(program.mesh.devices.flat[0].device_kind)) is not None:
        clock.compare(flops_per_step=program.useful_flops(text), peak_flops=chip.peak_flops)
    recorder = Recorder(
        workdir,
        start=int(state.step),
        steps=config.total_steps,
        log_every=config.log_every,
        clock=clock,
        checkpoints=checkpoints,
        about=about,
    )
    return _Run(
        config=config,
        train_step=program.step(text),
        batches=batches,
        bundle=lambda state: replace(bundle, model=trained_model(graphdef, state)),
        evaluators=evaluators,
        checkpoints=checkpoints,
        interruption=SharedInterruption(own),
        clock=clock,
        recorder=recorder,
        trace=Trace(workdir, profile),
    )


def _carry_out(workdir: Path, state: TrainState, run: _Run) -> list[JudgedModel]:
    """Trains from `state` to the end and writes the models; none of either if it is interrupted."""
    with run.recorder:
        state, found = _loop(state, run)
        step = int(state.step)
        last = None if found is None else _last_model(state, run)
    run.checkpoints.wait()
    interrupted = run.interruption.settled()
    judged = None if interrupted or last is None or found is None else _conclude(workdir, last, found, run)
    if judged is None and is_first():
        print(f"{workdir}: saved at step {step}; the same command goes on from there", file=sys.stderr)
    return judged or []


def _loop(state: TrainState, run: _Run) -> tuple[TrainState, Mapping[str, Findings] | None]:
    """Returns the state at the end or at an interruption, and what was found in it, None if it was interrupted."""
    config, clock = run.config, run.clock
    start, found = int(state.step), {}
    try:
        # The order matters: step k evaluates and saves the state that has seen exactly k batches.
        for step in range(start, config.total_steps + 1):
            with clock.timed("evaluate"):
                found = run.evaluators.run(step, lambda state=state: run.bundle(state))
                if found:
                    run.recorder.found(step, run.evaluators.record(found), found)
                    if (quality := run.evaluators.quality(found)) is not None:
                        run.checkpoints.rate(step, quality)
            interrupted = run.interruption.reached() or found is None
            finished = step == config.total_steps or interrupted
            if step > start and (finished or step % config.save_every == 0 or run.evaluators.selects(step)):
                with clock.timed("save"):
                    run.recorder.finish_before(step)  # raises if a loss is not finite: what followed is not saved
                    run.checkpoints.save(step, state, run.batches)
            run.trace.before_step(step)
            if finished:
                return state, None if interrupted else found
            with clock.timed("data"):
                batch = next(run.batches)  # moves the iterator, so only after the save
            with clock.timed("step"):
                state, metrics = run.train_step(state, batch)
                run.recorder.metrics(step, metrics)
            run.recorder.stepped(step)
    finally:
        run.trace.stop()
    raise AssertionError("the last step returns")


def _last_model(state: TrainState, run: _Run) -> ModelBundle:
    """Returns the model of the last step; UserError if its loss, on the batch that would follow, is not finite.

    The step after it sees the loss of any other state, and uses it up, as this one is.
    """
    last = run.bundle(state)
    graphdef, variables = nnx.split(gathered_model(last.model))
    kept = nnx.merge(graphdef, jax.tree.map(jnp.copy, variables))
    step = int(state.step)
    _, metrics = run.train_step(state, next(run.batches))
    run.recorder.check(step, metrics)
    return replace(last, model=kept)


def _saved(
    abstract: TrainState, config: TrainConfig, checkpoints: Checkpoints, batches: grain.DatasetIterator
) -> TrainState | None:
    """Returns the saved state to go on from, if any, in the shardings of `abstract`, with `batches` at its place."""
    if checkpoints.latest is not None:
        state = checkpoints.restore(abstract, batches)
    elif config.resume is not None:
        state = restore_from(Path(config.resume), abstract, batches, checkpoints.experiment)
    else:
        return None
    if state.step > config.total_steps:
        raise UserError(
            f"train.steps is {config.total_steps}, but this training is at step {state.step}: use a new workdir"
        )
    return state


def _conclude(workdir: Path, last: ModelBundle, found: Mapping[str, Findings], run: _Run) -> list[JudgedModel] | None:
    """Writes the last model and the best one, if there is one, with their scores; None if it was interrupted."""
    steps = run.config.total_steps
    judged = [JudgedModel(selection=LAST, step=steps, found=found)]
    judged[0].save(workdir, last, run.config)
    best = run.checkpoints.best if run.config.selection.evaluator is not None else None
    if best is not None:
        bundle = run.checkpoints.bundle(best)
        of_best = (
            found if best == run.config.total_steps else run.evaluators.run(run.config.total_steps, lambda: bundle)
        )
        if of_best is None:
            return None
        judged.append(JudgedModel(selection=best_selection(run.config), step=best, found=of_best))
        judged[1].save(workdir, bundle, run.config)
    return judged
