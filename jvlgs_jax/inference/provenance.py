"""Which recording and which model a result comes from."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from jvlgs_jax.data.images import list_images
from jvlgs_jax.data.live import LiveVideo
from jvlgs_jax.data.printable import printable
from jvlgs_jax.data.video import Video
from jvlgs_jax.interop.fingerprint import fingerprint
from jvlgs_jax.interop.model_folder import ModelBundle

Recording = Video | LiveVideo


def describe_model(name: str, bundle: ModelBundle) -> dict[str, Any]:
    """Returns what results say of the model called `name`, as JSON's types."""
    return {
        "name": printable(name),
        "sha256": fingerprint(bundle),
        "prompts": list(bundle.prompts),
        "planes": bundle.planes,
        "input_size": list(bundle.input_size),
        **({} if bundle.coarse_size is None else {"coarse_size": list(bundle.coarse_size)}),
        "window": f"{bundle.direction}, step {bundle.step}",
    }


def describe_recording(video: Recording, size: tuple[int, int]) -> dict[str, Any]:
    """Returns what results say of a recording with frames of `size` (height, width), as JSON's types.

    A live input has no hash, but a time when it began; a password in its address is left out.
    """
    if isinstance(video, LiveVideo):
        source = {"path": printable(video.name), "began": video.began.isoformat(timespec="seconds")}
    else:
        source = {"path": printable(str(video.path)), "sha256": recording_sha256(video.path)}
    return {
        **source,
        "width": size[1],
        "height": size[0],
        "frames_per_second": video.frames_per_second,
    }


def identify_recording(video: Recording) -> list[Any]:
    """Returns what tells at once whether a recording is still the same one: names, sizes and times of its files."""
    if isinstance(video, LiveVideo):
        return [video.address, video.size]
    files = list_images(video.path) if video.path.is_dir() else (video.path,)
    return [str(video.path.resolve()), [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]]


def describe_regions(file: str, watched: Bool[np.ndarray, "h w"]) -> dict[str, Any]:
    """Returns what results say of regions that a file names, as JSON's types."""
    return {"file": printable(file), "watched_share": round(float(watched.mean()), 6)}


def recording_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file, as `sha256sum` prints it, or that of a folder of images.

    A folder's is that of the lines that `sha256sum` prints for its images, in natural order.
    """
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    lines = (f"{recording_sha256(image)}  {image.name}\n" for image in list_images(path))
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()
