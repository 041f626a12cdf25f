"""CGD, as a TFDS dataset."""

from pathlib import Path

from jvlgs_jax.data.layouts.cgd import find_cgd
from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.data.records.builder import GasBuilder


class Builder(GasBuilder):
    """CGD: pairs of a background and the same place with gas."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = """
        Ask the authors for CGD as https://github.com/ProAlize/CGNet says, and give the folder that holds
        images/<id>/{bg,gas}.png and labels/<id>/gt.png as --manual-dir.
    """

    def find(self, manual_dir: Path) -> list[SceneFiles]:
        """Returns the scenes, see `find_cgd`."""
        return find_cgd(manual_dir)
