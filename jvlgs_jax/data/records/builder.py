"""The base of the TFDS builders in `datasets/`: gas-leak scenes as array records, without TensorFlow."""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordWriter
from etils import epath
from tensorflow_datasets.core.example_serializer import ExampleSerializer
from tqdm import tqdm

from jvlgs_jax.data.layouts.scene_files import SceneFiles
from jvlgs_jax.data.records.index import RecordIndex, SceneRecords, read_index
from jvlgs_jax.data.records.recorder import FRAMES_PER_RECORD, Example, SceneRecorder
from jvlgs_jax.data.records.source import SourceState, changes, read_source, save_source, source_state
from jvlgs_jax.errors import UserError

SHARD_BYTES = 256 << 20
UNSPLIT = "train"  # TFDS's split for scenes of datasets that state none

# One record is one read: no compression, since images are compressed already, and no grouping.
WRITER_OPTIONS = "group_size:1,uncompressed"


@dataclass
class GasConfig(tfds.core.BuilderConfig):
    """One form of a dataset.

    Attributes:
        threshold: gas is brighter, in grey levels of the stored truth; None: as the layout has it.
    """

    threshold: int | None = None


class GasBuilder(tfds.core.GeneratorBasedBuilder):
    """Builds a dataset from the scenes that a subclass finds in the manual directory.

    A subclass says where the data comes from (`MANUAL_DOWNLOAD_INSTRUCTIONS`) and finds its scenes (`find`).
    """

    simulated: ClassVar[bool] = False  # made here, rather than found in a manual directory
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Records of runs of frames."}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # TFDS would look for these in a package of the checkout, which has no `__init__.py` on top.
        cls.code_path = epath.Path(inspect.getfile(cls))
        cls.pkg_dir_path = cls.code_path.parent
        super().__init_subclass__(**kwargs)

    def __init__(
        self,
        *,
        skip_bad: bool = False,
        frames_per_record: int = FRAMES_PER_RECORD,
        file_format: Any = None,
        **kwargs: Any,
    ) -> None:
        """Takes TFDS's arguments and two of its own.

        Args:
            skip_bad: leave damaged scenes out and list them, instead of raising at the first. Reads every scene twice.
            frames_per_record: see `recorder.FRAMES_PER_RECORD`.
            file_format: array records, whatever TFDS passes on.
            kwargs: TFDS's own: data_dir, config, version.
        """
        self._skip_bad = skip_bad
        self._frames_per_record = frames_per_record
        self._prepared: list[SceneRecords] = []
        self._skipped: list[str] = []
        self._source: SourceState = {}
        super().__init__(file_format="array_record", **kwargs)

    def find(self, manual_dir: Path) -> list[SceneFiles]:
        """Returns the scenes below `manual_dir`; UserError where it does not hold the dataset."""
        raise NotImplementedError

    def check_source(self, manual_dir: Path) -> None:
        """UserError where building from `manual_dir` now would not give the records that are prepared.

        That is so where its scenes or their files have changed since, and where damaged scenes were left out and are
        not to be now. A folder that is gone says nothing, as records outlive their source, and neither do records of
        versions that did not keep the state of it.
        """
        folder = Path(self.data_dir)
        before = read_source(folder)
        if before is None or not manual_dir.is_dir():
            return
        if said := changes(before, source_state(manual_dir, self._found(manual_dir))):
            raise UserError(
                f"{manual_dir}: {said} since {folder} was prepared: remove {folder} to prepare it anew, or "
                "leave --manual-dir out to use it as it is"
            )
        skipped = read_index(folder).skipped
        if skipped and not self._skip_bad:
            raise UserError(
                f"{folder}: prepared without {len(skipped)} damaged scenes, the first: {skipped[0]}: mend them and "
                f"remove {folder} to prepare it anew, or add --skip-bad"
            )

    def _more_features(self) -> dict[str, Any]:
        """Returns what records hold beside the features of every dataset."""
        return {}

    def _info(self) -> tfds.core.DatasetInfo:
        image = tfds.features.Image
        features = tfds.features.FeaturesDict(
            self._more_features()
            | {
                "scene": tfds.features.Text(doc="unique in the dataset"),
                "group": tfds.features.Text(doc="scenes that share a background share a group"),
                "source": tfds.features.Text(doc="name of the dataset"),
                "split": tfds.features.Text(doc="as the dataset states it, or empty"),
                "first_frame": tfds.features.Scalar(np.int32, doc="number in the scene of the record's first frame"),
                "times": tfds.features.Sequence(np.float64, doc="seconds from the scene's first frame"),
                "has_truth": tfds.features.Scalar(np.bool_, doc="whether masks are known"),
                "leak": tfds.features.Sequence(np.bool_, doc="whether the frame shows gas; false without truth"),
                "frames": tfds.features.Sequence(image(shape=(None, None, 3)), doc="empty where frames have 16 bits"),
                "raw_frames": tfds.features.Sequence(
                    image(shape=(None, None, 1), dtype=np.uint16), doc="frames of 16 bits, else empty"
                ),
                "gain": tfds.features.Sequence(np.float64, doc="raw levels that become grey levels 0 and 255"),
                "masks": tfds.features.Sequence(image(shape=(None, None, 1)), doc="255 where there is gas"),
                "memory": tfds.features.Sequence(
                    image(shape=(None, None, 1), dtype=np.uint16),
                    doc="background and short-term mean before the first frame, in 256ths of a grey level",
                ),
            }
        )
        return self.dataset_info_from_configs(
            features=features, disable_shuffling=True, metadata=tfds.core.MetadataDict()
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[Example]]:
        manual_dir = Path(dl_manager._manual_dir or "")
        found = self._found(manual_dir)
        self._source = source_state(manual_dir, found)  # as it is before it is read
        scenes = self._good(found)
        splits: dict[str, list[SceneFiles]] = {}
        for scene in scenes:
            splits.setdefault(scene.split or UNSPLIT, []).append(scene)
        return {split: self._generate_examples(split, members) for split, members in splits.items()}

    def _generate_examples(self, split: str, scenes: list[SceneFiles]) -> Iterator[Example]:
        count = 0
        for scene in tqdm(scenes, desc=f"{self.name} {split}", unit="scene", leave=False):
            recorder, first = SceneRecorder(scene, self._frames_per_record), count
            for example in recorder:
                yield example
                count += 1
            self._prepared.append(recorder.summary(split, first))

    def _found(self, manual_dir: Path) -> list[SceneFiles]:
        how = " ".join(self.MANUAL_DOWNLOAD_INSTRUCTIONS.split())
        if not manual_dir.is_dir():
            raise UserError(f"{manual_dir}: no such folder. {how}")
        try:
            return self.find(manual_dir)
        except UserError as error:
            held = sorted(path.name for path in manual_dir.iterdir())
            found = ", ".join(held[:5]) + (", ..." if len(held) > 5 else "") if held else "nothing"
            raise UserError(f"{error}. It holds {found}. {how}") from error

    def _good(self, scenes: list[SceneFiles]) -> list[SceneFiles]:
        if not self._skip_bad:
            for scene in scenes:
                scene.check()
            return scenes
        # A record once written cannot be taken back, so each scene is read through before.
        good = [
            scene for scene in tqdm(scenes, desc=f"{self.name} check", unit="scene", leave=False) if self._reads(scene)
        ]
        if not good:
            raise UserError(f"{self.name}: all {len(scenes)} scenes are damaged, the first: {self._skipped[0]}")
        return good

    def _reads(self, scene: SceneFiles) -> bool:
        try:
            scene.check()
            for _ in scene:
                pass
        except UserError as error:
            self._skipped.append(f"{scene.name}: {error}")
            return False
        return True

    def _generate_splits(self, dl_manager: Any, download_config: Any) -> list[tfds.core.SplitInfo]:
        # TFDS's own writer sorts the records of a split in memory, and needs TensorFlow beyond a gigabyte of them.
        splits = [self._write(split, examples) for split, examples in self._split_generators(dl_manager).items()]
        index = RecordIndex(
            frames_per_record=self._frames_per_record, scenes=tuple(self._prepared), skipped=tuple(self._skipped)
        )
        self.info.metadata.update(index.to_metadata())
        save_source(Path(self.data_dir), self._source)
        return splits

    def _write(self, split: str, examples: Iterable[Example]) -> tfds.core.SplitInfo:
        template = self._get_filename_template(split_name=split)
        serializer = ExampleSerializer(self.info.features.get_serialized_info())
        folder = Path(self.data_dir)
        lengths: list[int] = []
        sizes: list[int] = []
        writer = None
        for example in examples:
            if writer is None or sizes[-1] >= SHARD_BYTES:
                if writer is not None:
                    writer.close()
                writer = ArrayRecordWriter(str(folder / f"shard-{len(lengths)}"), WRITER_OPTIONS)
                lengths.append(0)
                sizes.append(0)
            record = serializer.serialize_example(self.info.features.encode_example(example))
            writer.write(record)
            lengths[-1] += 1
            sizes[-1] += len(record)
        if writer is not None:
            writer.close()
        for shard in range(len(lengths)):  # a shard's name says how many there are
            path = template.sharded_filepath(shard_index=shard, num_shards=len(lengths))
            (folder / f"shard-{shard}").rename(folder / path.name)
        return tfds.core.SplitInfo(name=split, shard_lengths=lengths, num_bytes=sum(sizes), filename_template=template)
