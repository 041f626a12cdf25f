import dataclasses
import json

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.cli.main import main
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.postprocess import native_probability
from jvlgs_jax.inference.segmenter import Segmenter
from jvlgs_jax.interop import export
from jvlgs_jax.interop.export import ExportConfig, export_model, largest_difference, load_exported
from jvlgs_jax.interop.folding import fold_batch_norm
from jvlgs_jax.interop.model_folder import ModelBundle, abstract_model, save_model
from jvlgs_jax.interop.parameters import flatten, replace
from jvlgs_jax.models.convolution import ConvBN
from jvlgs_jax.models.jvlgs import JvlgsConfig

pytestmark = pytest.mark.usefixtures("compiled_quickly")


@pytest.fixture(scope="module")
def bundle():
    """A tiny network with our decoder and fusion, whose running statistics are not those it starts with."""
    config = dataclasses.replace(JvlgsConfig.tiny(), decoder="fine_fpn", fusion="prompt_attention")
    graphdef, state = nnx.split(abstract_model(config))
    rng = np.random.default_rng(0)

    def draw(path, leaf):
        if path.endswith(("scale", "var")):
            return rng.uniform(0.5, 1.5, leaf.shape).astype(leaf.dtype)
        return rng.normal(0, 1 / np.sqrt(max(np.prod(leaf.shape[:-1]), 1)), leaf.shape).astype(leaf.dtype)

    arrays = {path: draw(path, leaf) for path, leaf in flatten(state).items()}
    model = nnx.merge(graphdef, replace(state, arrays))
    return ModelBundle(model, ("white steam", "smoke"), "temporal", (64, 96), rule={"name": "confidence_gate"})


@pytest.mark.slow
def test_a_folded_layer_says_what_convolution_and_norm_said():
    layer = ConvBN(3, 5, (3, 3), stride=2, rngs=nnx.Rngs(0))
    rng = np.random.default_rng(0)
    for name in ("scale", "bias", "mean", "var"):
        getattr(layer.norm, name)[...] = jnp.asarray(rng.uniform(0.5, 1.5, 5), jnp.float32)
    layer.eval()

    class Holder(nnx.Module):
        def __init__(self):
            self.one, self.several = nnx.clone(layer), nnx.List([nnx.clone(layer)])

    folded = fold_batch_norm(Holder())
    x = jnp.asarray(rng.normal(size=(2, 1, 9, 8, 3)), jnp.float32)
    np.testing.assert_allclose(folded.one(x), layer(x), atol=1e-5)
    np.testing.assert_allclose(folded.several[0](x), layer(x), atol=1e-5)
    assert not any(isinstance(module, ConvBN) for _, module in nnx.iter_modules(folded))


def _assert_says_what_the_segmenter_says(bundle, exported, resize):
    """For who makes the input as the manifest says, of frames larger than the model's size."""
    assert "made at the frame's own size and then resized: by area means (OpenCV's INTER_AREA)" in resize
    frames = np.random.default_rng(1).integers(0, 256, (3, 160, 200, 1), np.uint8)
    stream = input_planes(bundle.planes).stream()
    window = [cv2.resize(stream.push(frame), (96, 64), interpolation=cv2.INTER_AREA) for frame in frames]
    logits = jax.scipy.special.logit(exported.call(jnp.asarray([window])))
    expected = next(iter(Segmenter(bundle, 3).probabilities(frames)))
    np.testing.assert_allclose(native_probability(np.asarray(logits)[0], (160, 200)), expected, atol=1e-3)


@pytest.mark.slow
def test_one_program_for_all_platforms_and_any_batch_says_what_the_model_says(bundle, tmp_path):
    folder = tmp_path / "exported"
    manifest = export_model(bundle, folder, ExportConfig())
    exported = load_exported(folder)
    assert exported.platforms == ("cpu", "cuda", "tpu")
    assert largest_difference(bundle, exported, 1) < 1e-3
    assert largest_difference(bundle, exported, 3) < 1e-3
    text = exported.mlir_module()
    assert "tensor<49408x" not in text  # no embedding of words
    assert json.loads((folder / "manifest.json").read_text()) == manifest
    assert manifest["input"]["shape"] == ["b", 3, 64, 96, 3]
    assert manifest["input"]["frames"] == ["t", "t+1", "t+2"]
    assert manifest["input"]["coarse_size"] is None
    assert manifest["prompts"] == ["white steam", "smoke"]
    _assert_says_what_the_segmenter_says(bundle, exported, manifest["input"]["resize"])
    (folder / "model.stablehlo").write_bytes(b"other")
    with pytest.raises(UserError, match="damaged"):
        load_exported(folder)


@pytest.mark.slow
def test_a_program_of_two_looks_says_what_the_segmenter_says(bundle, tmp_path):
    bundle = dataclasses.replace(bundle, coarse_size=(32, 64))
    manifest = export_model(bundle, tmp_path / "exported", ExportConfig(platforms=("cpu",)))
    exported = load_exported(tmp_path / "exported")
    assert manifest["input"]["shape"] == ["b", 3, 64, 96, 3]
    assert manifest["input"]["coarse_size"] == [32, 64]
    _assert_says_what_the_segmenter_says(bundle, exported, manifest["input"]["resize"])


@pytest.mark.slow
def test_the_command_exports_checks_and_tells(bundle, tmp_path, capsys):
    save_model(tmp_path / "model", bundle)
    use = ["export", f"--checkpoint={tmp_path / 'model'}", f"--output={tmp_path / 'out'}"]
    assert main([*use, "--precision=bfloat16", "--batch=1", "--check"]) == 0
    out = capsys.readouterr().out
    assert "MB for cpu, cuda, tpu" in out
    assert "checked: logits differ from the model's by" in out
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert 0 < manifest["check"]["largest_difference"] < 0.5
    assert (manifest["precision"], manifest["input"]["shape"][0]) == ("bfloat16", 1)
    assert main(use) == 2
    assert "exists: choose another output folder" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("difference", [0.6, np.nan])
def test_a_program_that_fails_its_check_is_not_kept(bundle, tmp_path, capsys, monkeypatch, difference):
    save_model(tmp_path / "model", bundle)
    monkeypatch.setattr(export, "largest_difference", lambda *args: difference)
    use = ["export", f"--checkpoint={tmp_path / 'model'}", f"--output={tmp_path / 'out'}", "--precision=bfloat16"]
    assert main([*use, "--batch=1", "--check"]) == 2
    assert "not written, since its logits would differ" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_export_where_nothing_can_be_made_is_one_line(bundle, tmp_path, capsys):
    save_model(tmp_path / "model", bundle)
    (tmp_path / "file").touch()
    assert main(["export", f"--checkpoint={tmp_path / 'model'}", f"--output={tmp_path / 'file' / 'out'}"]) == 2
    assert "cannot write here (Not a directory)" in capsys.readouterr().err


def test_what_is_no_export_is_refused(tmp_path):
    with pytest.raises(UserError, match="no exported model"):
        load_exported(tmp_path)
    assert main(["export", f"--output={tmp_path / 'out'}", "--batch=0"]) == 2
