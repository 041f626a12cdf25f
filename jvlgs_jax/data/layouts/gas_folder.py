"""Anyone's own data: a folder of videos or of folders of frames, with or without masks.

<root>/<scene>.mp4                    a video (or .avi, .mov, ...)
<root>/<scene>/*.png                  or its frames
<root>/<scene>/images/*.png           or its frames beside `<root>/<scene>/masks/*.png`
<root>/masks/<scene>.mp4              the truth of <scene>: a video,
<root>/masks/<scene>/*.png            or one image a frame
<root>/*.png                          or a single scene, named like its folder
"""

from pathlib import Path

from jvlgs_jax.data.hidden import visible
from jvlgs_jax.data.images import list_images
from jvlgs_jax.data.layouts.masks import HALF_GREY, MaskFiles, VideoTruth, masks_by_name
from jvlgs_jax.data.layouts.pictures import ImagePictures, VideoPictures
from jvlgs_jax.data.layouts.scene_files import Pictures, SceneFiles, Truth
from jvlgs_jax.data.natural_order import natural_key
from jvlgs_jax.data.video import VIDEO_SUFFIXES
from jvlgs_jax.errors import UserError

SOURCE = "gas_folder"
DEFAULT_THRESHOLD = HALF_GREY
MASKS = "masks"


def is_gas_folder(root: Path) -> bool:
    """Whether `root` holds a video or images, itself or in its folders."""
    return bool(_videos(root) or list_images(root) or _folders(root))


def find_gas_folder(root: Path, *, threshold: int = DEFAULT_THRESHOLD, source: str = SOURCE) -> list[SceneFiles]:
    """Returns the scenes of `root` in natural order; gas is a mask pixel brighter than `threshold`, or class 1.

    Each scene is its own group. UserError for a root without any scene, for one with images beside videos or folders of
    images, and for two scenes of one name.
    """
    found = sorted([*_videos(root), *_folders(root)], key=lambda path: natural_key(path.name))
    if images := list_images(root):
        if found:
            raise UserError(
                f"{root}: holds images ({images[0].name}, ...) beside {found[0].name}: the images alone would be one "
                "scene: move one kind elsewhere"
            )
        return [_scene(root, root.parent, threshold, source)]
    if not found:
        raise UserError(f"{root}: no video and no folder of images here: give the folder that holds them")
    names = [_name(path) for path in found]
    for path, name in zip(found, names, strict=True):
        if names.count(name) > 1:
            raise UserError(f"{path}: another scene is also called {name}: rename one")
    return [_scene(path, root, threshold, source) for path in found]


def _scene(path: Path, root: Path, threshold: int, source: str) -> SceneFiles:
    pictures = _pictures(path)
    truth = _truth(path, pictures, root / MASKS, threshold)
    return SceneFiles(name=_name(path), group=_name(path), source=source, split=None, pictures=pictures, truth=truth)


def _pictures(path: Path) -> Pictures:
    if not path.is_dir():
        return VideoPictures(path)
    folder = path / "images" if (path / "images").is_dir() else path
    return ImagePictures(path=folder, files=list_images(folder))


def _truth(path: Path, pictures: Pictures, masks: Path, threshold: int) -> Truth | None:
    frames = pictures.files if isinstance(pictures, ImagePictures) else None
    for folder in (path / MASKS, masks / _name(path)):
        if not folder.is_dir():
            continue
        if frames is not None:
            return masks_by_name(frames, folder, threshold=threshold)
        files = list_images(folder)
        return MaskFiles(path=folder, images=files, files=files, threshold=threshold)
    for video in _videos(masks):
        if video.stem == _name(path):
            return VideoTruth(video, threshold, path)
    return None


def _name(path: Path) -> str:
    return path.name if path.is_dir() else path.stem


def _videos(root: Path) -> list[Path]:
    return [path for path in visible(root.glob("*")) if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()]


def _folders(root: Path) -> list[Path]:
    candidates = (path for path in visible(root.glob("*")) if path.is_dir() and path.name != MASKS)
    return [path for path in candidates if (path / "images").is_dir() or list_images(path)]
