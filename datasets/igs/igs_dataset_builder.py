"""IGS, as a TFDS dataset."""

from pathlib import Path

from jvlgs_jax.data.layouts.igs import find_igs
from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.data.records.builder import GasBuilder


class Builder(GasBuilder):
    """IGS: single infrared images from industrial sites."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = """
        Download IGS as https://github.com/FisherYuuri/GasSeg says (its test set is linked there, its training set is
        given on request), and give the folder gasmmsegdata, with img_dir/{train,val} and ann_dir/{train,val}, as
        --manual-dir.
    """

    def find(self, manual_dir: Path) -> list[SceneFiles]:
        """Returns the scenes, see `find_igs`."""
        return find_igs(manual_dir)
