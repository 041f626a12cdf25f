"""Support sets as they lie on disk: videos or frames in any layout, of which only some frames need a mask."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from jvlgs_jax.data.gain import GAIN_FRAMES, Frame, measure_gain
from jvlgs_jax.data.images import check_alike
from jvlgs_jax.data.layouts import find_scenes
from jvlgs_jax.data.layouts.masks import MaskFiles
from jvlgs_jax.data.layouts.pictures import ImagePictures
from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.data.planes import BACKGROUND_WARM_UP, InputPlanes
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.data.video import open_video
from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.support import Support, SupportFrame, cut_windows, spread
from jvlgs_jax.inference.sources import find_videos

CHECKED_FRAMES = 24  # leak-free frames that false alarms are counted on

Masks = dict[int, UInt8[np.ndarray, "h w"] | None]


def read_support(
    root: Path,
    planes: InputPlanes,
    clips: ClipConfig,
    *,
    shots: int,
    layout: str = "auto",
    threshold: int | None = None,
    leak_free: Path | None = None,
) -> Support:
    """Reads the annotated frames in `root`, and leak-free footage beside them.

    Frames without a mask are seen, as the past of others, and not learned from. The masks of a video are named by the
    numbers of its frames, from 0, as `jvlgs predict` names them. Where more frames are annotated than `shots`, so many
    with gas and as many without are taken, evenly spaced; false alarms are counted on others of those without gas.

    Args:
        root: videos or folders of frames, and masks, in any layout that `find_scenes` knows.
        planes: of the network.
        clips: the network's windows.
        shots: the most frames with gas to learn from.
        layout: see `find_scenes`.
        threshold: see `find_scenes`.
        leak_free: a video or folder of frames, or a folder of these, that show no gas.

    UserError as `find_scenes` raises, for damaged files, for frames of two sizes, and for a mask without a frame or of
    another size, and for leak-free footage that shows gas by one of the masks.
    """
    if shots < 1:
        raise UserError(f"shots is {shots}, the least is 1: use 5")
    annotated = [(scene, _annotated(scene)) for scene in find_scenes(root, layout, threshold=threshold)]
    shows_gas = {
        (scene, n): mask is not None and bool(mask.any())
        for scene, (_, masks) in enumerate(annotated)
        for n, mask in masks.items()
    }
    gas = [place for place, shows in shows_gas.items() if shows]
    empty = [place for place, shows in shows_gas.items() if not shows]
    learned = {*spread(gas, shots), *spread(_warm(empty), shots)}
    checked = spread(set(_warm(empty)) - learned, CHECKED_FRAMES)
    quiet = {} if leak_free is None else find_videos(leak_free)
    for number, first in dict(reversed(gas)).items():
        _refuse_footage_of(annotated[number][0], first, quiet.values())
    frames: list[SupportFrame] = []
    watched: list[SupportFrame] = []
    for number, (scene, masks) in enumerate(annotated):
        wanted = {n: mask for n, mask in masks.items() if (number, n) in learned or (number, n) in checked}
        if not wanted:
            continue
        for frame in cut_windows(scene.name, _frames(scene), wanted, planes, clips):
            (frames if (number, frame.number) in learned else watched).append(frame)
    if quiet:
        added, more = _leak_free_footage(quiet, planes, clips, count=min(max(len(gas), 1), shots))
        frames, watched = frames + added, watched + more
    return Support(frames=tuple(frames), leak_free=tuple(watched))


def _warm(numbers: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those that have enough of a past for the background, or all where none has."""
    return [pair for pair in numbers if pair[1] >= BACKGROUND_WARM_UP] or list(numbers)


def _annotated(scene: SceneFiles) -> Masks:
    """The masks that there are, by frame; frames known to hold no gas have None."""
    scene.pictures.check()
    truth = scene.truth
    if truth is None:
        return {}
    if not isinstance(truth, MaskFiles):
        truth.check()
        return {n: None if mask is None else mask.gas for n, mask in enumerate(truth)}
    there = [
        (image, file) for image, file in zip(truth.images, truth.files, strict=True) if file is None or file.is_file()
    ]
    present = MaskFiles(
        path=truth.path,
        images=tuple(image for image, _ in there),
        files=tuple(file for _, file in there),
        unpaired=truth.unpaired,
        threshold=truth.threshold,
    )
    present.check()
    numbers = _frame_numbers(scene, truth.images, present.images)
    return {n: None if file is None else present.read(file) for n, file in zip(numbers, present.files, strict=True)}


def _frame_numbers(scene: SceneFiles, images: Sequence[Path], present: Sequence[Path]) -> list[int]:
    """The frames that the masks belong to: by their place among the images, or of a video by the number in the name."""
    if isinstance(scene.pictures, ImagePictures):
        places = {image: place for place, image in enumerate(images)}
        return [places[image] for image in present]
    numbers = []
    for image in present:
        match = re.search(r"(\d+)$", image.stem)
        if match is None:
            raise UserError(f"{image}: no frame number in its name: call it 000123.png for frame 123 of the video")
        numbers.append(int(match[1]))
    return numbers


def _frames(scene: SceneFiles) -> Iterator[Frame]:
    """The frames of a scene in grey levels, one at a time; its truth is left alone. UserError for two sizes."""
    gain = measure_gain(picture.pixels for picture in islice(scene.pictures, GAIN_FRAMES))
    first = None
    for picture in scene.pictures:
        first = picture.pixels if first is None else first
        check_alike(picture.pixels, first, scene.pictures.path)
        yield gain.to_grey(picture.pixels)


def _refuse_footage_of(scene: SceneFiles, number: int, leak_free: Iterable[Path]) -> None:
    """UserError where the leak-free footage is that of a scene whose frame `number` shows gas."""
    pictures = scene.pictures
    folders = {file.parent for file in pictures.files} if isinstance(pictures, ImagePictures) else {pictures.path}
    own = {path.resolve() for path in folders}
    for path in leak_free:
        if path.resolve() in own:
            raise UserError(
                f"{path}: is no leak-free footage: by its mask in the support, frame {number} of {scene.name} shows "
                "gas: give footage without any"
            )


def _leak_free_footage(
    sources: Mapping[str, Path], planes: InputPlanes, clips: ClipConfig, *, count: int
) -> tuple[list[SupportFrame], list[SupportFrame]]:
    """`count` frames to learn from and up to CHECKED_FRAMES others, of footage without gas."""
    videos = {name: open_video(source) for name, source in sources.items()}
    lengths = {name: sum(1 for _ in video.raw()) for name, video in videos.items()}
    places = _warm([(k, n) for k, name in enumerate(lengths) for n in range(lengths[name])])
    learned = spread(places, count)
    checked = spread(set(places) - set(learned), CHECKED_FRAMES)
    frames: list[SupportFrame] = []
    watched: list[SupportFrame] = []
    for number, (name, video) in enumerate(videos.items()):
        wanted: Mapping[int, None] = {n: None for k, n in (*learned, *checked) if k == number}
        if wanted:
            for frame in cut_windows(name, video, wanted, planes, clips):
                (frames if (number, frame.number) in learned else watched).append(frame)
    return frames, watched
