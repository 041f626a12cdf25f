"""SimGas, as a TFDS dataset."""

from pathlib import Path
from typing import ClassVar

from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.data.layouts.simgas import find_simgas
from jvlgs_jax.data.records.builder import GasBuilder, GasConfig


class Builder(GasBuilder):
    """SimGas: the release's videos, or the JVLGS folder layout."""

    BUILDER_CONFIGS: ClassVar = [
        GasConfig(name="over_20", threshold=20, description="Gas is truth brighter than 20, as LangGas counts it."),
        GasConfig(name="over_127", threshold=127, description="Gas is truth brighter than 127, as JVLGS counts it."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
        Download SimGas as https://github.com/weathon/Lang-Gas says (or, as folders of frames, from the Drive folder
        that https://github.com/GeekEagle/JVLGS links to), and give the folder that holds simgasvid<ID>.mp4 beside
        smoke_only<ID>.mp4, or <scene>/images beside <scene>/masks, as --manual-dir.
    """

    def find(self, manual_dir: Path) -> list[SceneFiles]:
        """Returns the videos in natural order."""
        return find_simgas(manual_dir, threshold=self.builder_config.threshold)
