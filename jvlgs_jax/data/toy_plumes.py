"""Made-up plume clips with known truth, in the SimGas layout: something to try the tools on before real footage.

A toy, not a simulator: puffs that drift, spread and thin out in a gusty wind, warped by noise, drawn with one grey
level over a still picture. No fluid dynamics, no radiation, no camera optics: scores on these clips say that the tools
work, nothing about real leaks.

    python -m jvlgs_jax.data.toy_plumes OUTPUT --clips 6
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from jaxtyping import Float, UInt8

from jvlgs_jax.data.layouts.simgas import TRUTH_PREFIX, VIDEO_PREFIX

PUFFS_PER_FRAME = 4
DEPTH = 3.5  # optical depth at the middle of a puff of mass 1 and radius 1 pixel
SPREAD = 0.25  # pixels by which the radius of a puff grows in a frame
GUST_MEMORY = 0.95  # share of a gust that is left one frame later
EDDY_REACH = 7.0  # pixels by which eddies displace gas
WISPINESS = 0.5  # deviation of the logarithm of the optical depth
TRANSLUCENCE = 0.6  # share of the background that the densest gas hides
SENSOR_NOISE = 1.5  # grey levels
QUANTIZER = "14"  # fixed: x264's adaptive rate control (mbtree) writes other files from run to run


@dataclass(frozen=True, kw_only=True)
class ToyClip:
    """What a clip shows; everything else about it is drawn from its seed.

    Attributes:
        frame_count: frames in the clip.
        size: (height, width) in pixels, both even.
        frames_per_second: of the recording.
        leaks: (first, end) frames between which gas comes out; it drifts on for a while after `end`.
    """

    frame_count: int = 90
    size: tuple[int, int] = (240, 320)
    frames_per_second: int = 15
    leaks: tuple[tuple[int, int], ...] = ((25, 65),)


class RenderedClip(NamedTuple):
    """Frames and the opacity of the gas in them: 0 is clear air, 255 hides the background."""

    frames: UInt8[np.ndarray, "n h w"]
    opacity: UInt8[np.ndarray, "n h w"]


class Puff(NamedTuple):
    """Puffs of gas, one array a property: pixels, pixels a frame, frames."""

    x: Float[np.ndarray, "p"]
    y: Float[np.ndarray, "p"]
    drift_x: Float[np.ndarray, "p"]
    drift_y: Float[np.ndarray, "p"]
    age: Float[np.ndarray, "p"]
    mass: Float[np.ndarray, "p"]


def render(clip: ToyClip, seed: int) -> RenderedClip:
    """Draws the clip of one seed; the same clip and seed give the same pixels."""
    rng = np.random.default_rng(seed)
    background = _background(clip.size, rng)
    passer_by = _passer_by(clip, rng)
    figure = (round(0.015 * clip.size[1]), round(0.06 * clip.size[0]))
    gas_level = rng.uniform(130, 180)
    frames, opacities = [], []
    for number, opacity in enumerate(_plume(clip, rng)):
        scene = background.copy()
        cv2.ellipse(scene, passer_by[number], figure, 0, 0, 360, 150.0, -1)
        picture = scene + (gas_level - scene) * TRANSLUCENCE * opacity + rng.normal(0, SENSOR_NOISE, clip.size)
        frames.append(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
        opacities.append(np.rint(255 * opacity).astype(np.uint8))
    return RenderedClip(np.stack(frames), np.stack(opacities))


def write_clips(folder: Path, count: int, *, seed: int = 0) -> None:
    """Writes clips plume1 to plume<count> as `simgasvid<ID>.mp4` and `smoke_only<ID>.mp4`; every third has no leak."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        clip = ToyClip(leaks=()) if number % 3 == 0 else ToyClip()
        frames, opacity = render(clip, seed + number)
        _write_video(folder / f"{VIDEO_PREFIX}plume{number}.mp4", frames, clip.frames_per_second)
        _write_video(folder / f"{TRUTH_PREFIX}plume{number}.mp4", opacity, clip.frames_per_second)


def _noise(size: tuple[int, int], slope: float, rng: np.random.Generator) -> Float[np.ndarray, "h w"]:
    """Returns noise that repeats at its edges, of unit deviation and amplitude spectrum frequency ** -slope."""
    height, width = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(rng.normal(size=size)) * frequency**-slope, s=size)
    return field / field.std()


def _background(size: tuple[int, int], rng: np.random.Generator) -> Float[np.ndarray, "h w"]:
    """A still thermal picture: cold sky over warmer ground, with warm tanks and a pipe."""
    height, width = size
    rows = np.linspace(0, 1, height)[:, None]
    picture = np.where(rows < 0.8, 15 + 50 * rows, 85) + 3 * _noise(size, 1.5, rng)
    for _ in range(rng.integers(4, 7)):
        left, top, level = rng.uniform(0, width), rng.uniform(0.55, 0.85) * height, rng.uniform(90, 170)
        right = left + rng.uniform(0.03, 0.18) * width
        cv2.rectangle(picture, (int(left), int(top)), (int(right), height), level, thickness=-1)
        cv2.line(picture, (int(left), int(top)), (int(left), height), level + 40, thickness=2)
    pipe = int(rng.uniform(0.8, 0.9) * height)
    cv2.line(picture, (0, pipe), (width, pipe), 140.0, thickness=4)
    return cv2.GaussianBlur(picture, (0, 0), 1.0)


def _passer_by(clip: ToyClip, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Where a figure that crosses the picture stands, (x, y) a frame: something that moves and is no gas."""
    height, width = clip.size
    row, way = rng.uniform(0.8, 0.95) * height, rng.choice((-1, 1))
    columns = width * np.linspace(0.5 - 0.6 * way, 0.5 + 0.6 * way, clip.frame_count)
    return [(round(column), round(row)) for column in columns]


def _plume(clip: ToyClip, rng: np.random.Generator) -> Iterator[Float[np.ndarray, "h w"]]:
    """Yields the opacity of the gas, 0 to 1, frame by frame."""
    height, width = clip.size
    source = np.array([rng.uniform(0.3, 0.7) * width, rng.uniform(0.55, 0.7) * height])
    wind = np.array([rng.uniform(0.8, 2.8) * rng.choice((-1, 1)), rng.uniform(-2.2, -0.8)])
    eddies = np.stack([_noise(clip.size, 1.7, rng), _noise(clip.size, 1.7, rng)])
    wisps = np.exp(WISPINESS * _noise(clip.size, 1.5, rng))
    puffs = np.empty((0, len(Puff._fields)))
    gust = np.zeros(2)
    for number in range(clip.frame_count):
        if any(first <= number < end for first, end in clip.leaks):
            puffs = np.concatenate([puffs, _emit(source, rng)])
        travelled = tuple(np.rint(number * wind).astype(int)[::-1])
        density = _splat(clip.size, Puff(*puffs.T))
        yield 1 - np.exp(-_stir(density, np.roll(eddies, travelled, (1, 2)), np.roll(wisps, travelled, (0, 1))))
        gust = GUST_MEMORY * gust + rng.normal(0, 0.2, 2)
        puffs[:, :2] += wind + gust + puffs[:, 2:4]
        puffs[:, 4] += 1


def _emit(source: Float[np.ndarray, "2"], rng: np.random.Generator) -> Float[np.ndarray, "p field"]:
    n = PUFFS_PER_FRAME
    place, drift = source + rng.normal(0, 0.8, (n, 2)), rng.normal(0, 0.25, (n, 2))
    return np.column_stack([place, drift, rng.uniform(0, 1, n), rng.lognormal(0, 0.5, n)])


def _splat(size: tuple[int, int], puffs: Puff) -> Float[np.ndarray, "h w"]:
    """The optical depth of Gaussian puffs; a Gaussian is a product of two profiles, so their sum is one matmul."""
    height, width = size
    radius = (1.5 + SPREAD * puffs.age)[:, None]
    across = np.exp(-0.5 * ((np.arange(width) - puffs.x[:, None]) / radius) ** 2)
    down = np.exp(-0.5 * ((np.arange(height) - puffs.y[:, None]) / radius) ** 2)
    return (down * DEPTH * puffs.mass[:, None] / radius**2).T @ across


def _stir(
    density: Float[np.ndarray, "h w"], eddies: Float[np.ndarray, "2 h w"], wisps: Float[np.ndarray, "h w"]
) -> Float[np.ndarray, "h w"]:
    """Displaces gas by eddies that travel with it, and streaks it."""
    rows, columns = np.indices(density.shape)
    from_x = (columns + EDDY_REACH * eddies[0]).astype(np.float32)
    from_y = (rows + EDDY_REACH * eddies[1]).astype(np.float32)
    return cv2.remap(density, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) * wisps


def _write_video(path: Path, frames: UInt8[np.ndarray, "n h w"], frames_per_second: int) -> None:
    partial = path.with_name(f".partial-{path.name}")
    with av.open(partial, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=frames_per_second)
        stream.height, stream.width = frames.shape[1:]
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "veryfast", "qp": QUANTIZER}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())
    partial.replace(path)


def main(argv: Sequence[str] | None = None) -> None:
    """Writes clips from the command line."""
    parser = argparse.ArgumentParser(description="Write made-up plume clips in the SimGas layout.")
    parser.add_argument("output", type=Path, help="folder for the videos")
    parser.add_argument("--clips", type=int, default=6, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="other seeds give other clips (default: %(default)s)")
    args = parser.parse_args(argv)
    write_clips(args.output, args.clips, seed=args.seed)


if __name__ == "__main__":
    main()
