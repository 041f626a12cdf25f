"""What `jvlgs calibrate` refuses before it loads a model."""

from pathlib import Path

import pytest

from jvlgs_jax.cli.main import main


@pytest.mark.parametrize("option", ["input", "coarse"])
@pytest.mark.parametrize("size", ["256", "256x321", "0x320", "256x320x3", "axb", "-32x32", "²x32"])
def test_a_size_that_the_network_does_not_take(
    size: str, option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    use = ["calibrate", "--checkpoint=m", "--data-dir=d", f"--output={tmp_path / 'new'}"]
    assert main([*use, f"--{option}-size={size}"]) == 2
    assert "both divisible by 32, as in 256x320" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("footage", "option"),
    [
        ("--leak-free=f", "--max-false-alarms=0.01"),
        ("--leak-free=f", "--split=grouped/0"),
        ("--leak-free=f", "--scenes=yard"),
        ("--leak-free=f", "--dataset=simgas"),
        ("--leak-free=f", "--layout=cgd"),
        ("--leak-free=f", "--threshold=0"),
        ("--data-dir=d", "--alarm=window_s=2"),
        ("--data-dir=d", "--false-alarms-per-hour=1"),
        ("--data-dir=d", "--confidence=0.95"),
    ],
)
def test_an_option_that_has_no_effect_is_refused(footage: str, option: str, capsys: pytest.CaptureFixture[str]):
    assert main(["calibrate", "--checkpoint=m", footage, option]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"jvlgs: error: {footage.partition('=')[0]} counts ")
    assert error.endswith(f": leave {option.partition('=')[0]} out\n")
    assert error.count("\n") == 1


@pytest.mark.parametrize("option", ["--input-size=256x320", "--coarse-size=256x320", "--coarse-size=none"])
def test_another_size_needs_another_folder(option: str, capsys: pytest.CaptureFixture[str]):
    assert main(["calibrate", "--checkpoint=m", "--data-dir=d", option]) == 2
    assert (
        f"{option.partition('=')[0]} makes another model: say where it goes, with --output=DIR"
        in capsys.readouterr().err
    )
