"""IGS-Few, as a TFDS dataset."""

from pathlib import Path

from jvlgs_jax.data.layouts.igs_few import find_igs_few
from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.data.records.builder import GasBuilder


class Builder(GasBuilder):
    """IGS-Few: the few-shot benchmark of JVLGS."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = """
        Download IGS-Few from the Drive folder that https://github.com/GeekEagle/JVLGS links to, and give the folder
        that holds train/<scene>/{images,masks} and val/<scene>/{images,masks} as --manual-dir.
    """

    def find(self, manual_dir: Path) -> list[SceneFiles]:
        """Returns the scenes, see `find_igs_few`."""
        return find_igs_few(manual_dir)
