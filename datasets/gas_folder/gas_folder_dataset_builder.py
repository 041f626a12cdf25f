"""Your own videos or folders of frames, as a TFDS dataset."""

from pathlib import Path

from jvlgs_jax.data.layouts.gas_folder import find_gas_folder
from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.data.records.builder import GasBuilder


class Builder(GasBuilder):
    """Anyone's own data, with masks or without."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = """
        Nothing to download: give a folder of videos or of folders of frames as --manual-dir. Truth, where there is
        some, is masks/<scene>.mp4 or masks/<scene>/*.png beside them, or <scene>/masks/*.png beside <scene>/images.
    """

    def find(self, manual_dir: Path) -> list[SceneFiles]:
        """Returns the scenes, see `find_gas_folder`."""
        return find_gas_folder(manual_dir)
