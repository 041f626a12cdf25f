"""Gas-DB, as a TFDS dataset."""

from pathlib import Path

from jvlgs_jax.data.layouts.gas_db import find_gas_db
from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.data.records.builder import GasBuilder


class Builder(GasBuilder):
    """Gas-DB: the thermal channel of RGB-thermal images."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = """
        Download Gas-DB from https://github.com/logic112358/RT-CAN, and give the folder that holds images/, labels/ and
        the lists train.txt and test.txt as --manual-dir.
    """

    def find(self, manual_dir: Path) -> list[SceneFiles]:
        """Returns the scenes, see `find_gas_db`."""
        return find_gas_db(manual_dir)
