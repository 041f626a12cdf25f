import cv2
import numpy as np

from jvlgs_jax.data.layouts import find_scenes


def test_frames_are_read_one_at_a_time(tmp_path, write_image):
    for number in range(3):
        write_image(tmp_path / f"{number}.png", 10 * number)
    (scene,) = find_scenes(tmp_path)
    frames = iter(scene)
    assert next(frames).pixels[0, 0, 0] == 0
    write_image(tmp_path / "1.png", 99)  # not read yet
    assert next(frames).pixels[0, 0, 0] == 99


def test_a_scene_tells_all_the_files_it_is_read_from(tmp_path):
    places = {
        "own": ["pump.mp4", "masks/pump/0.png", "tank/0.png", "tank/1.png", "well.mp4", "masks/well.mp4"],
        "folders": ["a/images/0.png", "a/masks/0.png", "a/masks/unpaired.png"],
        "igs": ["img_dir/train/0.png", "ann_dir/train/0.png"],
        "cgd": ["images/1/bg.png", "images/1/gas.png", "labels/1/gt.png"],
    }
    for place, names in places.items():
        for name in names:
            (tmp_path / place / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / place / name).touch()
        files = [file for scene in find_scenes(tmp_path / place) for file in scene.stored()]
        assert sorted(files) == sorted(tmp_path / place / name for name in names)


def test_an_image_file_is_handed_on_as_it_is_only_where_it_shows_the_very_pixels(tmp_path, write_image):
    colors = np.full((8, 12, 3), (10, 90, 200), np.uint8)
    for name, pixels in {
        "1.jpg": colors,
        "2.png": colors,
        "3.bmp": colors,
        "4.png": np.dstack([colors, colors[..., 0]]),
    }.items():
        write_image(tmp_path / name, pixels)
    (scene,) = find_scenes(tmp_path)
    frames = list(scene)
    kept = [
        frame.encoded == (tmp_path / name).read_bytes()
        for name, frame in zip(("1.jpg", "2.png"), frames[:2], strict=True)
    ]
    assert kept == [True, True]
    assert [frame.encoded for frame in frames[2:]] == [None, None]
    assert all((frame.pixels[0, 0] == (200, 90, 10)).all() for frame in frames[1:])


def test_a_scene_of_16_bits_keeps_them_and_loads_with_one_gain(tmp_path):
    raw = np.random.default_rng(0).integers(9000, 9400, (3, 8, 12), dtype=np.uint16)
    for number, frame in enumerate(raw):
        cv2.imwrite(str(tmp_path / f"{number}.png"), frame)
    (files,) = find_scenes(tmp_path)
    np.testing.assert_array_equal(np.stack([frame.pixels[..., 0] for frame in files]), raw)
    frames = files.load().frames[..., 0].astype(float)
    slope, offset = np.polyfit(raw.ravel(), frames.ravel(), 1)
    np.testing.assert_allclose(frames, slope * raw + offset, atol=0.6)
    assert frames.min() > 30  # room for what is colder than the first frames
    assert frames.max() < 225
