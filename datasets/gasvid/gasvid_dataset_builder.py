"""GasVid, as a TFDS dataset."""

from pathlib import Path
from typing import ClassVar

from jvlgs_jax.data.layouts.gasvid import find_gasvid, find_gasvid_fgstp
from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.data.records.builder import GasBuilder, GasConfig

FGSTP = "fgstp"


class Builder(GasBuilder):
    """GasVid: the recordings, or the part of them that FGSTP labelled."""

    BUILDER_CONFIGS: ClassVar = [
        GasConfig(name="recordings", description="Whole recordings, without truth."),
        GasConfig(name=FGSTP, description="The frames that FGSTP labelled, with its splits."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
        For the recordings, download GasVid from its authors' Drive folder
        https://drive.google.com/drive/folders/1JKEMtCGPSq2IqGk4uXZP9A6gr8fyJsGC and give the folder of MOV_*.mp4, or of
        MOV_*/frame_*.png, as --manual-dir. For --dataset=gasvid/fgstp, download the labelled part from the Drive folder
        that https://github.com/GeekEagle/FGSTP links to, and give the folder of
        {train,val,test}/<scene>/{images,masks}.
    """

    def find(self, manual_dir: Path) -> list[SceneFiles]:
        """Returns the scenes, see `find_gasvid` and `find_gasvid_fgstp`."""
        if self.builder_config.name == FGSTP:
            return find_gasvid_fgstp(manual_dir)
        return find_gasvid(manual_dir)
