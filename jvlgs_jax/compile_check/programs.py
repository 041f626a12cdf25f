"""The programs that are compiled: the training step and the network call of `jvlgs predict`, from shapes alone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import SingleDeviceSharding
from jax.stages import Traced

from jvlgs_jax.data.prompts import PromptTokens, tokenize
from jvlgs_jax.errors import UserError
from jvlgs_jax.experiment import Experiment
from jvlgs_jax.inference.segmenter import CLIP_LENGTH, encode_clip, segment_windows
from jvlgs_jax.interop.model_folder import abstract_model
from jvlgs_jax.models.jvlgs import Jvlgs
from jvlgs_jax.models.multi_scale import InputSizes
from jvlgs_jax.training.program import training_program
from jvlgs_jax.training.text_features import CachedPrompts, TextFeatures, TrainedPrompts, trains_text

# Of data that are not here, for durations in epochs: it changes constants of the program, no shape.
_STEPS_PER_EPOCH = 1_000.0


def with_batch(experiment: Experiment, clips: int) -> Experiment:
    """Returns the experiment with batches of `clips` clips."""
    return replace(experiment, data=replace(experiment.data, batch_size=clips))


def with_remat(experiment: Experiment, remat: str) -> Experiment:
    """Returns the experiment with another `train.remat`."""
    return replace(experiment, train=replace(experiment.train, remat=remat))


def training_step(experiment: Experiment, devices: Sequence[jax.Device]) -> Traced:
    """Returns the step that `jvlgs train` would run on `devices`, traced with the shapes of its state and batch.

    UserError for a batch or mesh that does not fit the devices, and for a meta-training.
    """
    if experiment.meta is not None:
        raise UserError(
            "the config sets meta, and a step of meta-training is several programs, which are not compiled here: "
            "use --program=inference, or --config.meta=None for the step of an ordinary training"
        )
    config = experiment.train.in_steps(_STEPS_PER_EPOCH)
    program = training_program(
        lambda: Jvlgs(experiment.model, rngs=nnx.Rngs(experiment.seed)), experiment.data, config, devices
    )
    if program.mesh.size < len(devices):
        raise UserError(
            f"train.mesh takes {program.mesh.size} of the {len(devices)} devices: "
            "use --config.train.mesh.data=-1 for all"
        )
    return cast(Any, program.step(_text_features(experiment))).trace(program.shapes, program.batch)


def inference_call(experiment: Experiment, device: jax.Device) -> Traced:
    """Returns the network's work for one clip of `jvlgs predict` on one device, traced from shapes."""
    place = SingleDeviceSharding(device)
    data, state = experiment.data, nnx.state(abstract_model(experiment.model))
    sizes = InputSizes(data.input_size)
    clip = jax.ShapeDtypeStruct((CLIP_LENGTH, *data.input_size, 3), jnp.float32)
    shapes = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), (state, clip, _text_shape(experiment))
    )

    def call(state: nnx.State, clip: jax.Array, text: jax.Array) -> jax.Array:
        features = encode_clip(experiment.model, state, clip, planes=data.planes, sizes=sizes)
        # Two frames of the past, here the first one twice, make a window of each frame.
        levels = [jnp.concatenate([level[:1], level[:1], level]) for level in features]
        windows = [jnp.stack([level[:-2], level[1:-1], level[2:]], axis=1) for level in levels]
        return segment_windows(experiment.model, state, windows, text, sizes=sizes)

    return jax.jit(call).trace(*shapes)


def _text_features(experiment: Experiment) -> TextFeatures:
    """What `text_features` chooses; a frozen text encoder's results are unknown here, so any numbers stand in."""
    if trains_text(abstract_model(experiment.model), experiment.train.optimizer.frozen):
        return TrainedPrompts(_tokens(experiment))
    shape = _text_shape(experiment)
    return CachedPrompts(np.random.default_rng(0).normal(size=shape.shape).astype(shape.dtype))


def _text_shape(experiment: Experiment) -> jax.ShapeDtypeStruct:
    tokens = _tokens(experiment)
    return nnx.eval_shape(lambda model: model.encode_text(tokens), abstract_model(experiment.model))


def _tokens(experiment: Experiment) -> PromptTokens:
    return tokenize(experiment.prompts)
