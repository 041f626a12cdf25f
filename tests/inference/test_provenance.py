import hashlib
import shutil
import subprocess

import cv2
import numpy as np
import pytest

from jvlgs_jax.data.video import open_video
from jvlgs_jax.inference.provenance import describe_recording, recording_sha256


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in (1, 2, 10):
        cv2.imwrite(str(folder / f"{index}.png"), np.full((4, 6), index, np.uint8))
    return folder


def test_a_file_has_the_hash_that_sha256sum_prints(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"clip")
    assert recording_sha256(tmp_path / "clip.mp4") == hashlib.sha256(b"clip").hexdigest()


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_a_folder_has_the_hash_of_the_list_that_sha256sum_prints(images):
    names = ["1.png", "2.png", "10.png"]
    (images / "notes.txt").write_text("not a frame")
    printed = subprocess.run(["sha256sum", *names], cwd=images, capture_output=True, check=True).stdout
    assert recording_sha256(images) == hashlib.sha256(printed).hexdigest()


def test_a_changed_renamed_or_missing_frame_changes_the_hash(images):
    hashes = [recording_sha256(images)]
    (images / "10.png").rename(images / "11.png")
    hashes.append(recording_sha256(images))
    (images / "11.png").write_bytes(b"other")
    hashes.append(recording_sha256(images))
    (images / "11.png").unlink()
    hashes.append(recording_sha256(images))
    assert len(set(hashes)) == 4


def test_what_is_said_of_a_recording(images):
    said = describe_recording(open_video(images), (4, 6))
    assert said == {
        "path": str(images),
        "sha256": recording_sha256(images),
        "width": 6,
        "height": 4,
        "frames_per_second": 15.0,
    }
