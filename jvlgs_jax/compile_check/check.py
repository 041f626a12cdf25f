"""A compile check of an experiment: its training step and its network call for one target."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from jax.stages import Traced

from jvlgs_jax.compile_check.compilation import Compilation, compile_for
from jvlgs_jax.compile_check.devices import target_devices
from jvlgs_jax.compile_check.largest import largest_that_fits
from jvlgs_jax.compile_check.programs import inference_call, training_step, with_batch, with_remat
from jvlgs_jax.compile_check.targets import Target
from jvlgs_jax.experiment import Experiment
from jvlgs_jax.training.flops import traced_flops

TRAINING, INFERENCE = "training step", "inference call"


@dataclass(frozen=True, kw_only=True)
class Check:
    """What one program needs on a target.

    Attributes:
        program: TRAINING, of one batch, or INFERENCE, of one clip on one device.
        clips: in one run of it, over all devices.
        devices: that run it.
        flops: of one run over all devices, as the model asks for; see `flops.count_flops` for what counts.
        executed_flops: the same with what `train.remat` computes again.
        trace_seconds: wall time of Python, before any compiler.
        compilation: what the compiler says.
    """

    program: str
    clips: int
    devices: int
    flops: int
    executed_flops: int
    trace_seconds: float
    compilation: Compilation


def check_training(experiment: Experiment, target: Target, clips_per_device: int | None = None) -> Check:
    """Compiles the training step for all devices of `target`, by default with the experiment's own batch size.

    UserError for a batch or a mesh that the devices cannot share, and for a meta-training.
    """
    devices = target_devices(target)
    if clips_per_device is not None:
        experiment = with_batch(experiment, clips_per_device * len(devices))
    traced, seconds = _timed(lambda: training_step(experiment, devices))
    executed = flops = traced_flops(traced)
    if experiment.train.remat != "none":
        flops = traced_flops(training_step(with_remat(experiment, "none"), devices))
    return Check(
        program=TRAINING,
        clips=experiment.data.batch_size,
        devices=len(devices),
        flops=flops,
        executed_flops=executed,
        trace_seconds=seconds,
        compilation=compile_for(target.chip, traced),
    )


def check_inference(experiment: Experiment, target: Target) -> Check:
    """Compiles the network call of `jvlgs predict` for one device of `target`."""
    device = target_devices(target)[0]
    traced, seconds = _timed(lambda: inference_call(experiment, device))
    flops = traced_flops(traced)
    return Check(
        program=INFERENCE,
        clips=1,
        devices=1,
        flops=flops,
        executed_flops=flops,
        trace_seconds=seconds,
        compilation=compile_for(target.chip, traced),
    )


def check_largest(experiment: Experiment, target: Target, on_trial: Callable[[Check], None]) -> Check | None:
    """Returns the check of the training step with the most clips a device that fit; None if not even one does.

    The search starts from the experiment's own batch; `on_trial` is told of every batch that was tried.
    """
    micro_batches = experiment.train.optimizer.micro_batches
    checks: dict[int, Check] = {}

    def needed(clips: int) -> int:
        checks[clips] = check_training(experiment, target, clips * micro_batches)
        on_trial(checks[clips])
        return checks[clips].compilation.needed

    start = experiment.data.batch_size // (target.devices * micro_batches)
    return checks.get(largest_that_fits(needed, target.chip.memory, start))


def _timed(trace: Callable[[], Traced]) -> tuple[Traced, float]:
    start = time.monotonic()
    return trace(), time.monotonic() - start
