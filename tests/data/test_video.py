import av
import cv2
import numpy as np
import pytest

from jvlgs_jax.data.images import read_image
from jvlgs_jax.data.video import open_video
from jvlgs_jax.errors import UserError


def noise(n, *shape):
    return np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)


def test_grey_video_comes_back_exactly(tmp_path, write_video):
    frames = noise(20, 48, 64)
    video = open_video(write_video(tmp_path / "a.mkv", frames, codec="ffv1", rate=25))
    assert (video.channels, video.frames_per_second, video.frame_count) == (1, 25.0, 20)
    np.testing.assert_array_equal(video.read()[..., 0], frames)


def test_a_video_can_be_read_twice(tmp_path, write_video):
    video = open_video(write_video(tmp_path / "a.mp4", noise(5, 48, 64)))
    np.testing.assert_array_equal(video.read(), video.read())


def test_chroma_subsampled_grey_is_grey(tmp_path, write_video):
    video = open_video(write_video(tmp_path / "a.mp4", np.repeat(noise(5, 48, 64, 1), 3, axis=-1)))
    assert video.read().shape == (5, 48, 64, 1)


def test_color_video_is_rgb(tmp_path, write_video):
    red = np.zeros((5, 48, 64, 3), np.uint8)
    red[..., 0] = 200
    frames = open_video(write_video(tmp_path / "a.mp4", red)).read()
    assert frames.shape == red.shape
    np.testing.assert_allclose(frames.mean(axis=(0, 1, 2)), [200, 0, 0], atol=5)


def test_one_colored_corner_is_enough(tmp_path):
    image = np.full((8, 8, 3), 90, np.uint8)
    cv2.imwrite(str(tmp_path / "1.png"), image)
    assert open_video(tmp_path).channels == 1
    image[0, 0] = (90, 90, 103)
    cv2.imwrite(str(tmp_path / "2.png"), image)
    assert open_video(tmp_path).channels == 3


def test_folder_of_images_in_natural_order(tmp_path):
    for number in (10, 2, 1):
        cv2.imwrite(str(tmp_path / f"frame_{number}.png"), np.full((4, 6), number, np.uint8))
    (tmp_path / "notes.txt").write_text("not a frame")
    video = open_video(tmp_path, image_frames_per_second=7.5)
    assert (video.frame_count, video.frames_per_second) == (3, 7.5)
    assert video.read()[:, 0, 0, 0].tolist() == [1, 2, 10]


def test_images_are_rgb_not_bgr(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((2, 2, 3), (10, 20, 250), np.uint8))
    assert read_image(tmp_path / "a.png")[0, 0].tolist() == [250, 20, 10]


@pytest.mark.parametrize(
    ("name", "options"), [("a.mp4", {"movflags": "faststart"}), ("b.mkv", {}), ("c.mp4", {})], ids=str
)
def test_truncated_file(tmp_path, write_video, name, options):
    path = write_video(tmp_path / name, noise(40, 48, 64), codec="libx264", options=options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=rf"{name}: (damaged after frame|cut short|not a readable video)"):
        open_video(path).read()


@pytest.mark.parametrize(("name", "said"), [("a.mp4", "{n} of 100 frames"), ("b.mkv", "{s:.2f} of 6.67 seconds")])
def test_the_loss_of_a_few_last_frames_is_told(tmp_path, write_video, capsys, name, said):
    path = write_video(tmp_path / name, noise(100, 48, 64), options={"movflags": "faststart"})
    assert len(open_video(path).read()) == 100
    assert capsys.readouterr().err == ""
    path.write_bytes(path.read_bytes()[: int(0.95 * path.stat().st_size)])
    read = len(open_video(path).read())
    assert 90 <= read < 100
    assert f"{name}: {said.format(n=read, s=read / 15)} could be read" in capsys.readouterr().err


def cut_without_encoding(path, whole, hidden):
    """Leaves out the first frames as `ffmpeg -ss ... -c copy` does: they stay in the file, an edit list hides them."""
    with av.open(str(whole)) as source, av.open(str(path), "w", options={"movflags": "faststart"}) as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        shift = round(hidden / stream.average_rate / stream.time_base)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copy
                target.mux(packet)
    return path


@pytest.mark.parametrize("hidden", [50, 49.6, 50.4, 3])
def test_frames_that_a_cut_without_encoding_has_hidden_are_not_missed(tmp_path, write_video, capsys, hidden):
    whole = write_video(tmp_path / "whole.mp4", noise(100, 48, 64), rate=25)
    video = open_video(cut_without_encoding(tmp_path / "a.mp4", whole, hidden))
    shown = len(video.read())
    assert abs(shown - (100 - hidden)) < 1
    assert abs(video.frame_count - (100 - hidden)) < 1
    assert capsys.readouterr().err == ""


def test_what_hides_frames_can_be_cut_short_too(tmp_path, write_video, capsys):
    path = cut_without_encoding(tmp_path / "a.mp4", write_video(tmp_path / "whole.mp4", noise(100, 48, 64)), 30)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(0.97 * len(whole))])
    read = len(open_video(path).read())
    assert 60 < read < 70
    assert f"a.mp4: {read / 15:.2f} of 4.67 seconds could be read" in capsys.readouterr().err
    path.write_bytes(whole[: int(0.7 * len(whole))])
    with pytest.raises(UserError, match=r"a\.mp4: cut short, .* of 4\.67 seconds can be read: copy the file again"):
        open_video(path).read()


def with_sound(path, frames, seconds):
    """A video of frames at 15 a second beside sound that lasts so long."""
    with av.open(str(path), "w") as container:
        stream, sound = container.add_stream("libx264", rate=15), container.add_stream("pcm_s16le", rate=8000)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:], "yuv420p"
        for number in range(max(len(frames), 15 * seconds)):
            if number < len(frames):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frames[number], format="gray")))
            if number % 15 == 0 and number < 15 * seconds:
                second = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
                second.sample_rate, second.pts = 8000, 8000 * number // 15
                container.mux(sound.encode(second))
        container.mux(stream.encode())
        container.mux(sound.encode())
    return path


def test_sound_that_goes_on_after_the_picture_makes_no_video_cut_short(tmp_path, capsys):
    path = with_sound(tmp_path / "a.mkv", noise(30, 48, 64), seconds=4)
    assert len(open_video(path).read()) == 30
    assert capsys.readouterr().err == ""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=r"a\.mkv: cut short, .* of 4\.00 seconds can be read: copy the file again"):
        open_video(path).read()


@pytest.mark.parametrize("content", [b"", b"these are words, no pictures " * 50], ids=["empty", "text"])
def test_no_video(tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.mp4: not a readable video .*: re-encode it"):
        open_video(tmp_path / "a.mp4")


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"gone\.mp4: no such file: check the path"):
        open_video(tmp_path / "gone.mp4")


def test_sound_alone(tmp_path):
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(UserError, match=r"a\.wav: no video in this file"):
        open_video(tmp_path / "a.wav")


def test_empty_folder(tmp_path):
    with pytest.raises(UserError, match="no image in this folder"):
        open_video(tmp_path)


def test_broken_image(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"a\.png: not a readable image"):
        open_video(tmp_path)


def test_frames_of_two_sizes(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((4, 6), np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.zeros((8, 6), np.uint8))
    with pytest.raises(UserError, match="a frame of 6x8 follows frames of 6x4: convert the video to one size"):
        open_video(tmp_path).read()
