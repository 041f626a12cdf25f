from jvlgs_jax.data.video import open_video
from jvlgs_jax.serve.stoppable import StoppableVideo


def test_a_video_that_is_not_stopped_is_read_whole(clip):
    video = StoppableVideo.of(open_video(clip))
    frames = iter(video)
    assert len([next(frames) for _ in range(12)]) == 12
    assert not video.whole  # nobody knows yet that this was the last one
    assert list(frames) == []
    assert video.whole


def test_a_stopped_video_gives_one_frame_and_is_not_whole(clip):
    video = StoppableVideo.of(open_video(clip))
    video.stop()
    assert len(list(video)) == 1
    assert not video.whole


def test_each_has_a_stop_of_its_own(clip):
    opened = open_video(clip)
    first, second = StoppableVideo.of(opened), StoppableVideo.of(opened)
    first.stop()
    assert (len(list(first)), len(list(second))) == (1, 12)
