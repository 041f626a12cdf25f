import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from jvlgs_jax.cli.main import main
from jvlgs_jax.compile_check import check, devices
from jvlgs_jax.compile_check.compilation import compile_for, needed_bytes
from jvlgs_jax.compile_check.targets import TARGETS

TINY = """
from jvlgs_jax.experiment import default_config, to_config_dict
from jvlgs_jax.models.pvt_v2 import PvtV2Config
from jvlgs_jax.models.text_encoder import TextEncoderConfig

def get_config():
    config = default_config()
    ones = (1,) * 4
    config.model.encoder = to_config_dict(PvtV2Config(dims=(8,) * 4, depths=ones, heads=ones, mlp_ratios=ones))
    config.model.text = to_config_dict(TextEncoderConfig.tiny())
    config.model.channels = 8
    config.data.input_size = (32, 32)
    config.data.batch_size = 8
    config.train.steps = 10
    config.train.precision = "bfloat16"
    config.train.optimizer.frozen = ("text_encoder/.*",)
    return config
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "tiny.py"
    path.write_text(TINY)
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "v5e-250"], "did you mean 'v5e-256'?"),
        (["--target", "v5e-4", "--clips-per-device", "0"], "--clips-per-device is 0, the least is 1"),
        (["--target", "v5e-4", "--clips-per-device", "2", "--largest-batch"], "not allowed with"),
    ],
)
def test_bad_arguments_cost_one_line(arguments: list[str], message: str, config: str, capsys):
    assert main(["compile-check", "--config", config, *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(("target", "extra"), [("v5e-4", "tpu"), ("h100x1", "cuda")])
def test_a_missing_compiler_is_named_with_what_installs_it(target: str, extra: str, config: str, capsys, monkeypatch):
    monkeypatch.setattr(devices, "find_spec", lambda name: None)
    assert main(["compile-check", "--config", config, "--target", target]) == 2
    assert f"pip install 'jvlgs-jax[{extra}]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("complaint", "needed"),
    [
        ("RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 35.2G of 15.75G hbm.", int(35.2 * 2**30)),
        (
            "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required for HLO temporaries (480.00G) "
            "exceeds available HBM (15.75G).",
            480 * 2**30,
        ),
        ("INTERNAL: something else", None),
    ],
)
def test_what_a_compiler_says_of_a_program_that_does_not_fit(complaint: str, needed: int | None):
    assert needed_bytes(complaint) == needed


@pytest.fixture
def cpu_as_target(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a target that stands for this machine's CPU, with a little memory."""
    monkeypatch.setattr(check, "target_devices", lambda target: jax.devices("cpu")[: target.devices])
    target = TARGETS["h100x1"]
    monkeypatch.setitem(TARGETS, "h100x1", replace(target, chip=replace(target.chip, memory=64 * 2**20)))
    return "h100x1"


def test_a_meta_training_is_not_taken_for_an_ordinary_one(config: str, cpu_as_target: str, capsys):
    changed = Path(config)
    changed.write_text(
        changed.read_text().replace("    return", "    config.meta = to_config_dict(MetaConfig())\n    return")
        + "\nfrom jvlgs_jax.fewshot.config import MetaConfig\n"
    )
    assert main(["compile-check", "--config", config, "--target", cpu_as_target]) == 2
    assert "the config sets meta" in capsys.readouterr().err


def test_the_largest_batch_that_fits_is_found(
    config: str, cpu_as_target: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    # In place of the network, whose compilation takes a minute: 4 MB a clip.
    def step(experiment, devices):
        clips = jax.ShapeDtypeStruct((experiment.data.batch_size, 2**20), jnp.float32)
        return jax.jit(lambda x: x @ jnp.ones((2**20,))).trace(clips)

    monkeypatch.setattr(check, "training_step", step)
    arguments = ["--largest-batch", "--program=training", "--config.train.optimizer.micro_batches=3", "--json"]
    assert main(["compile-check", "--config", config, "--target", cpu_as_target, *arguments]) == 0
    printed = capsys.readouterr()
    (program,) = json.loads(printed.out)["programs"]

    fits = {}
    for clips in (12, 15):  # whole micro-batches
        shape = jax.ShapeDtypeStruct((clips, 2**20), jnp.float32)
        traced = jax.jit(lambda x: x @ jnp.ones((2**20,))).trace(shape)
        fits[clips] = compile_for(TARGETS[cpu_as_target].chip, traced).fits
    assert program["clips"] == max(clips for clips in fits if fits[clips])
    assert f"largest batch: {program['clips']} clips a device" in printed.err
    assert "does not fit" in printed.err


def test_that_not_even_one_clip_fits_is_told(
    config: str, cpu_as_target: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    arguments = ["--largest-batch", "--program=training"]
    clip = jax.ShapeDtypeStruct((2**13, 2**13), jnp.float32)
    monkeypatch.setattr(check, "training_step", lambda *_: jax.jit(lambda x: x @ x).trace(clip))
    assert main(["compile-check", "--config", config, "--target", cpu_as_target, *arguments]) == 1
    assert "largest batch: 0 clips a device" in capsys.readouterr().out


@pytest.mark.slow
def test_the_network_call_of_predict_is_compiled(config: str, cpu_as_target: str, capsys):
    assert main(["compile-check", "--config", config, "--target", cpu_as_target, "--program=inference", "--json"]) == 0
    printed = capsys.readouterr()
    assert "inference call: 1 clip, 32 x 32, float32" in printed.err
    (program,) = json.loads(printed.out)["programs"]
    assert (program["clips"], program["devices"]) == (1, 1)
    assert program["flops"] == program["executed_flops"] > 0
    compilation = program["compilation"]
    assert compilation["fits"]
    assert compilation["needed"] == sum(compilation["memory"].values()) > 0
    assert compilation["collectives"] == []


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="no libtpu: pip install 'jvlgs-jax[tpu]'")
def test_a_tiny_network_is_compiled_for_a_real_slice(config: str, capsys):
    assert main(["compile-check", "--config", config, "--target", "v5e-4", "--program", "training", "--json"]) == 0
    printed = capsys.readouterr()
    assert "of 15.75 GiB a device: fits" in printed.err
    (program,) = json.loads(printed.out)["programs"]
    assert (program["clips"], program["devices"]) == (8, 4)
    compilation = program["compilation"]
    assert compilation["fits"]
    assert compilation["needed"] == sum(compilation["memory"].values()) > 0
    reduced = [c for c in compilation["collectives"] if c["kind"] == "all-reduce"]
    assert sum(c["bytes"] for c in reduced) > 0
    assert program["flops"] == program["executed_flops"] > 0
