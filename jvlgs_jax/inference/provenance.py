"""Which recording and which model a result comes from."""

import hashlib
from pathlib import Path
from typing import Any

from jvlgs_jax.data.images import list_images
from jvlgs_jax.data.video import Video
from jvlgs_jax.interop.fingerprint import fingerprint
from jvlgs_jax.interop.model_folder import ModelBundle


def describe_model(name: str, bundle: ModelBundle) -> dict[str, Any]:
    """Returns what results say of the model called `name`, as JSON's types."""
    return {
        "name": name,
        "sha256": fingerprint(bundle),
        "prompts": list(bundle.prompts),
        "planes": bundle.planes,
        "input_size": list(bundle.input_size),
        "window": f"{bundle.direction}, step {bundle.step}",
    }


def describe_recording(video: Video, size: tuple[int, int]) -> dict[str, Any]:
    """Returns what results say of a recording with frames of `size` (height, width), as JSON's types."""
    return {
        "path": str(video.path),
        "sha256": recording_sha256(video.path),
        "width": size[1],
        "height": size[0],
        "frames_per_second": video.frames_per_second,
    }


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
