"""What simulated clips cost, and how they compare with real ones.

    python benchmarks/simulation.py speed
    python benchmarks/simulation.py statistics --preset simgas_like --clips 60 --real FOLDER --plot statistics.png
    python benchmarks/simulation.py compile --target v5e-1 --abreast 8
    python benchmarks/simulation.py share --config configs/simgas_smoke.py

`FOLDER` holds any dataset that `jvlgs evaluate` reads. `speed` times this machine; `statistics` prints percentiles of
the gas's contrast, area, temporal change, edge width and halo, measured alike on both, and draws histograms; `compile`
prints the memory that the program takes on an accelerator that is not here, one of `jvlgs compile-check`'s targets;
`share` sets the processor time of simulating a batch beside that of the training step that it feeds.
"""

import argparse
import dataclasses
import statistics as averages
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from histograms import draw_histograms

from jvlgs_jax.compile_check.compilation import compile_for
from jvlgs_jax.compile_check.devices import target_devices
from jvlgs_jax.compile_check.programs import training_step
from jvlgs_jax.compile_check.targets import TARGETS, find_target
from jvlgs_jax.data.layouts import load_scenes
from jvlgs_jax.data.planes import TemporalPlanes, luma
from jvlgs_jax.experiment import load_experiment
from jvlgs_jax.simulation.clip import simulate_abreast, simulate_batch, simulate_clip
from jvlgs_jax.simulation.planes import temporal_planes
from jvlgs_jax.simulation.presets import PRESET_NAMES, preset

EVERY = 8  # frames between two measurements: neighbours are alike
LEAST_AREA = 30  # pixels


class GasFrame(NamedTuple):
    """Measures of the gas in one frame."""

    contrast: float  # mean |frame - causal background| in the mask, grey levels
    area: float  # per cent of the picture
    change: float  # mean |frame - the one before| in the mask, grey levels
    edge_width: float  # contrast over the mean gradient along the mask's edge, pixels
    halo: float  # per cent: contrast 3 pixels outside of the mask, beyond that of clear air, of that 3 pixels inside


TITLES = (  # of those that are drawn
    "contrast, grey levels",
    "area, % of the picture",
    "change in a frame, grey levels",
    "width of the edge, pixels",
)


def measure(planes: np.ndarray, previous: np.ndarray, mask: np.ndarray) -> GasFrame:
    """Measures one frame from its planes (h, w, 3), the frame before it and the mask."""
    shown = cv2.GaussianBlur(planes[..., 0] - planes[..., 1], (0, 0), 1.0)
    edge = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    gradient = np.hypot(*np.gradient(shown))[edge].mean()
    contrast = np.abs(shown[mask]).mean()
    change = np.abs(planes[..., 0] - previous)[mask].mean()
    return GasFrame(contrast, 100 * mask.mean(), change, contrast / max(gradient, 1e-3), halo(np.abs(shown), mask))


def halo(contrast: np.ndarray, mask: np.ndarray) -> float:
    """Returns what is left of the contrast 3 pixels outside of the mask, per cent; NaN where there is no such place."""
    inside, outside = (cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, 5) for part in (mask, ~mask))
    places = np.abs(outside - 3) < 0.75, outside > 25, np.abs(inside - 3) < 0.75
    if not all(place.any() for place in places):
        return np.nan
    beside, clear, within = (np.median(contrast[place]) for place in places)
    return 100 * max(beside - clear, 0) / max(within - clear, 1.0)


def real_frames(folder: Path) -> Iterator[GasFrame]:
    """Measures the gas frames of a labelled dataset."""
    for scene in load_scenes(folder):
        assert scene.truth is not None
        stream, previous = TemporalPlanes().stream(), luma(scene.frames[0]).astype(np.float32)
        for number, (frame, truth) in enumerate(zip(scene.frames, scene.truth, strict=True)):
            planes = stream.push(frame)
            if number % EVERY == 0 and truth.sum() >= LEAST_AREA:
                yield measure(planes, previous, truth > 0)
            previous = planes[..., 0]


def simulated_frames(name: str, clips: int) -> Iterator[GasFrame]:
    """Measures the gas frames of a preset's first clips."""
    for index in range(clips):
        clip = simulate_clip(preset(name), index)
        planes, masks = np.asarray(temporal_planes(clip)), np.asarray(clip.mask) == 1
        for number in range(EVERY, len(masks), EVERY):
            if masks[number].sum() >= LEAST_AREA:
                yield measure(planes[number], planes[number - 1, ..., 0], masks[number])


def statistics(args: argparse.Namespace) -> None:
    """Prints percentiles of both as a Markdown table; draws their histograms if a file is named."""
    sets = {f"{args.preset}, simulated": list(simulated_frames(args.preset, args.clips))}
    if args.real:
        sets["real"] = list(real_frames(args.real))
    print("| frames of | n | " + " | ".join(field.replace("_", " ") for field in GasFrame._fields) + " |")
    print("|---|---|" + "---|" * len(GasFrame._fields))
    for name, frames in sets.items():
        columns = np.nanpercentile(np.array(frames), (10, 50, 90), axis=0).T
        cells = [f"{low:.2f} / **{middle:.2f}** / {high:.2f}" for low, middle, high in columns]
        print(f"| {name} | {len(frames)} | " + " | ".join(cells) + " |")
    if args.plot:
        measures = {name: np.array(frames)[:, : len(TITLES)] for name, frames in sets.items()}
        if not cv2.imwrite(str(args.plot), draw_histograms(measures, TITLES)):
            raise SystemExit(f"{args.plot}: could not be written: is its folder there?")


def speed(args: argparse.Namespace) -> None:
    """Prints clips a second at batch 1 and 16, and what compiling takes."""
    config = preset(args.preset)
    started = time.perf_counter()
    program = simulate_abreast.lower(config, jnp.arange(args.abreast)).compile()
    memory = program.memory_analysis()
    print(
        f"{args.abreast} abreast: compiled in {time.perf_counter() - started:.1f} s, "
        f"temporary {memory.temp_size_in_bytes / 2**20:.0f} MiB, output {memory.output_size_in_bytes / 2**20:.0f} MiB"
    )
    for batch in (1, 16):
        jax.block_until_ready(simulate_batch(config, jnp.arange(batch), abreast=args.abreast))
        seconds = []
        for repeat in range(3):
            started = time.perf_counter()
            indices = jnp.arange(batch) + repeat * batch
            jax.block_until_ready(simulate_batch(config, indices, abreast=args.abreast))
            seconds.append(time.perf_counter() - started)
        print(f"batch {batch}: {batch / min(seconds):.2f} clips/s (32 frames, 240x320; best of 3)")


def compile_only(args: argparse.Namespace) -> None:
    """Prints what the program of `--abreast` clips takes on one device of a target."""
    target = find_target(args.target)
    device = jax.sharding.SingleDeviceSharding(target_devices(target)[0])
    indices = jax.ShapeDtypeStruct((args.abreast,), jnp.int32, sharding=device)
    compilation = compile_for(target.chip, simulate_abreast.trace(preset(args.preset), indices))
    memory = compilation.memory
    if memory is None:
        print(f"{target.name}: does not fit, {compilation.needed / 2**20:.0f} MiB needed")
        return
    parts = {"temporaries": memory.temporaries, "outputs": memory.outputs, "code": memory.code}
    print(
        f"{target.name}, {args.preset}, {args.abreast} abreast: "
        + ", ".join(f"{name} {size / 2**20:.0f} MiB" for name, size in parts.items())
        + f"; compiled in {compilation.compile_cpu_seconds:.0f} s of processor time"
    )


def share(args: argparse.Namespace) -> None:
    """Prints the processor time of a config's training step and of its clips, simulated; each measured in turn."""
    experiment = load_experiment(args.config)
    data, family = experiment.data, preset(args.preset)
    compiled = training_step(experiment, jax.devices()[:1]).lower().compile()
    state, batch = jax.tree.map(_small_numbers, compiled.args_info[0])
    states = [state]  # each step donates the one before

    def step() -> object:
        following, metrics = compiled(states.pop(), batch)
        states.append(following)
        return metrics

    def simulate(frames: int, clips: int) -> Callable[[], object]:
        config = dataclasses.replace(family, frame_count=frames)
        return lambda: simulate_batch(config, jnp.arange(clips), abreast=args.abreast)

    frames = data.clips.step * (data.clips.length - 1) + 1
    clips = f"{data.batch_size} clips of {frames} frames"
    calls = {
        f"a step on {clips}": step,
        f"simulating {clips}": simulate(frames, data.batch_size),
        f"simulating 1 clip of {family.frame_count} frames": simulate(family.frame_count, 1),
        f"simulating 16 clips of {family.frame_count} frames": simulate(family.frame_count, 16),
    }
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(4):
        for name, call in calls.items():
            started = time.process_time()
            jax.block_until_ready(call())
            spent[name].append(time.process_time() - started)
    seconds = [averages.median(times[1:]) for times in spent.values()]  # the first call compiles
    for name, value in zip(spent, seconds, strict=True):
        print(f"{name}: {value:.2f} s of processor time")
    print(f"share of simulation: {100 * seconds[1] / (seconds[0] + seconds[1]):.0f} %")


def _small_numbers(shape: jax.stages.ArgInfo) -> jax.Array:
    """Weights or frames for a program whose cost does not depend on them."""
    values = np.random.default_rng(0).uniform(0.001, 0.01, shape.shape)
    return jnp.asarray(values).astype(shape.dtype)


def main() -> None:
    """Runs one of the four."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "statistics", "compile", "share"))
    parser.add_argument("--preset", choices=PRESET_NAMES, default="simgas_like")
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--abreast", type=int, default=1, help="clips made at a time")
    parser.add_argument("--real", type=Path, help="folder of a labelled dataset to set beside")
    parser.add_argument("--plot", type=Path, help="PNG file for the histograms")
    parser.add_argument("--target", choices=TARGETS, metavar="TARGET", default="v5e-1", help="to compile for")
    parser.add_argument("--config", type=Path, default=Path("configs/simgas_smoke.py"), help="of the training step")
    args = parser.parse_args()
    {"speed": speed, "statistics": statistics, "compile": compile_only, "share": share}[args.what](args)


if __name__ == "__main__":
    main()
