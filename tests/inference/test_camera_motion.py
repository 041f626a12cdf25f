import cv2
import numpy as np
import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.camera_motion import CameraMotion, CameraMotionConfig

RATE = 15.0
NOW = CameraMotionConfig(settle_s=0.0)


def _view(seed, size=(140, 200)):
    """A wide view with detail of several pixels and a cold sky."""
    rng = np.random.default_rng(seed)
    rough = cv2.GaussianBlur(rng.normal(0, 1, size).astype(np.float32), (0, 0), 2)
    return np.clip(110 + 40 * rough / rough.std(), 10, 245).astype(np.float32)


def _frame(view, x=0, y=0, *, noise=3.0, seed=0, channels=1):
    part = view[10 + y : 106 + y, 20 + x : 148 + x]
    noisy = part + np.random.default_rng(seed).normal(0, noise, part.shape)
    return np.repeat(np.clip(noisy, 0, 255).astype(np.uint8)[..., None], channels, axis=-1)


def _run(frames, config=NOW, rate=RATE):
    motion = CameraMotion(config, rate)
    return [motion.push(frame) for frame in frames]


def _still(view, number, **how):
    return [_frame(view, seed=seed, **how) for seed in range(number)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("x", "y"), [(3, 0), (0, -3), (8, 5), (-20, 8)])
def test_a_shift_is_motion_and_shaking_of_a_pixel_is_not(x, y, channels):
    view = _view(0)
    still = [_frame(view, seed % 2, seed=seed, channels=channels) for seed in range(20)]
    moved = [_frame(view, x, y, seed=seed, channels=channels) for seed in range(20, 25)]
    assert _run(still + moved) == [False] * 20 + [True] * 5


def test_a_pan_is_motion_until_the_camera_has_settled():
    view = _view(1)
    pan = [_frame(view, seed, seed=seed) for seed in range(20)] + [_frame(view, 0, seed=seed) for seed in range(20)]
    motion = _run(_still(view, 20) + pan, CameraMotionConfig(settle_s=0.2))
    assert not any(motion[:22])
    assert all(motion[24:43])
    assert not any(motion[43:])  # back where it was, and 3 frames later


def test_another_view_is_motion():
    assert _run(_still(_view(2), 20) + _still(_view(3), 4)) == [False] * 20 + [True] * 4


def test_in_the_end_the_new_view_is_the_background():
    motion = _run(_still(_view(2), 4) + _still(_view(2), 40, x=8))
    assert motion[4]
    assert not motion[-1]


def _gain(frames):
    return [np.clip(frame * (1 + 0.02 * n) - n, 0, 255).astype(np.uint8) for n, frame in enumerate(frames)]


def _walker(frames):
    return [cv2.rectangle(frame.copy(), (4 * n, 30), (4 * n + 14, 80), 230, -1) for n, frame in enumerate(frames)]


def _plume(frames):
    column = np.linspace(-1, 1, 96)[:, None] ** 2 + np.linspace(-1, 1, 128) ** 2
    return [np.clip(f + 2 * n * np.exp(-column)[..., None], 0, 255).astype(np.uint8) for n, f in enumerate(frames)]


@pytest.mark.parametrize("change", [_gain, _walker, _plume])
def test_what_else_changes_is_not_motion(change):
    assert not any(_run(change(_still(_view(4), 25))))


def test_noise_without_a_view_is_not_motion():
    flat = np.full((140, 200), 100, np.float32)
    assert not any(_run(_still(flat, 40)))
    assert not any(_run(_still(flat, 4, noise=0.0)))


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (2, 2), (3, 700)])
def test_pictures_of_any_size_are_compared(size):
    frames = np.random.default_rng(0).integers(0, 256, (3, *size, 1), np.uint8)
    assert not _run(frames)[0]


def test_a_wide_picture_is_measured_by_its_own_side():
    large = cv2.resize(_view(5), (1200, 840), interpolation=cv2.INTER_CUBIC)
    frames = [large[:700, x : 1000 + x, None].astype(np.float32) for x in [0] * 10 + [5, 5, 20, 20]]
    assert _run(frames) == [False] * 12 + [True] * 2


def test_it_can_be_switched_off():
    frames = _still(_view(2), 5) + _still(_view(3), 5)
    assert not any(_run(frames, CameraMotionConfig(shift=1.0)))


@pytest.mark.parametrize("settings", [{"shift": 0.0}, {"shift": np.nan}, {"settle_s": -1.0}, {"settle_s": 3601.0}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(UserError, match=next(iter(settings))):
        CameraMotionConfig(**settings)


def test_a_camera_that_stands_elsewhere_gets_a_new_background_once():
    motion, view = CameraMotion(CameraMotionConfig(settle_s=1.0), RATE), _view(1)
    pan = [_frame(view, 2 * seed, seed=seed) for seed in range(10)]
    frames = _still(view, 20) + pan + _still(view, 40, x=20)
    moved, starts = zip(*[(motion.push(frame), motion.starts_view) for frame in frames], strict=True)
    (start,) = np.flatnonzero(starts)
    assert 30 + 15 <= start <= 30 + 17
    assert all(moved[22:start])
    assert not any(moved[start:])
    assert motion.push(_frame(view, 0))  # the view of the beginning is another one now


def test_a_camera_that_swings_back_keeps_its_background():
    motion, view = CameraMotion(NOW, RATE), _view(1)
    for frame in _still(view, 20) + _still(view, 8, x=20) + _still(view, 20):
        moves = motion.push(frame)
        assert not motion.starts_view
    assert not moves
