import os

from jvlgs_jax.data.file_states import file_states


def test_size_and_time_of_what_is_there_by_path(tmp_path):
    for name in ("deep/in/a.png", "b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("four")
        os.utime(tmp_path / name, ns=(1, 7))
    files = [tmp_path / name for name in ("deep/in/a.png", "b.png", "gone.png", "deep")]
    assert file_states(files, tmp_path / "deep") == {"in/a.png": (4, 7), "../b.png": (4, 7)}
