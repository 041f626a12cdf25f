import importlib.util

import numpy as np
import pytest
import safetensors.numpy

from jvlgs_jax.data.prompts import DEFAULT_PROMPTS
from jvlgs_jax.errors import UserError
from jvlgs_jax.interop import tables
from jvlgs_jax.interop.convert import export_weights, import_weights
from jvlgs_jax.interop.families import recognise
from jvlgs_jax.interop.model_folder import load_model, read_description
from jvlgs_jax.interop.weight_files import read_weights
from jvlgs_jax.weights.shipped import model_folder

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed: pip install 'jvlgs-jax[torch]'"
)


def _file(path, state):
    safetensors.numpy.save_file({key: np.array(value, order="C") for key, value in state.items()}, path)
    return path


def _assert_identical(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key].dtype == value.dtype, key
        assert found[key].shape == value.shape, key
        assert found[key].tobytes() == np.array(value, order="C").tobytes(), key


def test_whole_model_comes_back_bit_for_bit(tmp_path, config, published):
    source = _file(tmp_path / "published.safetensors", published)
    assert "jvlgs weights" in import_weights(source, tmp_path / "model")
    bundle = load_model(tmp_path / "model")
    assert bundle.model.config == config
    assert (bundle.prompts, bundle.planes, bundle.input_size) == (DEFAULT_PROMPTS, "rgb", (352, 352))
    export_weights(tmp_path / "model", tmp_path / "back.safetensors")
    _assert_identical(read_weights(tmp_path / "back.safetensors"), published)


@needs_torch
def test_pth_comes_back_bit_for_bit(tmp_path, published):
    import torch

    tensors = {key: torch.from_numpy(np.array(value, order="C")) for key, value in published.items()}
    torch.save(tensors, tmp_path / "published.pth")
    import_weights(tmp_path / "published.pth", tmp_path / "model")
    export_weights(tmp_path / "model", tmp_path / "back" / "published.pth")
    assert (tmp_path / "back" / "published.pth").read_bytes() == (tmp_path / "published.pth").read_bytes()


@needs_torch
def test_training_checkpoints_are_unwrapped(tmp_path, published):
    import torch

    tensors = {f"module.{key}": torch.from_numpy(np.array(value, order="C")) for key, value in published.items()}
    torch.save({"epoch": 3, "state_dict": tensors}, tmp_path / "checkpoint.pth")  # as DataParallel names them
    _assert_identical(read_weights(tmp_path / "checkpoint.pth"), published)


PARTS = {
    "cod10k": (lambda config: tables.jvlgs_encoder(config, "backbone.encoder."), "encoder"),
    "cod10k-encoder": (lambda config: tables.jvlgs_encoder(config, "encoder."), "encoder"),
    "cod10k-slt": (lambda config: tables.jvlgs_encoder(config, "backbone.feat_net."), "encoder"),
    "pvt_v2": (lambda config: tables.pvt_v2(config, tables.ORIGINAL_PVT), "video_encoder"),
    "pvt_v2-timm": (lambda config: tables.pvt_v2(config, tables.TIMM_PVT), "video_encoder"),
    "owlv2": (lambda config: tables.text_tower(config, "owlv2."), "text_encoder"),
    "clip": (lambda config: tables.text_tower(config, ""), "text_encoder"),
}
EXTRA = {  # what such files hold beside the part we use
    "cod10k": "backbone.decoder.conv.weight",
    "cod10k-encoder": "NCD.conv.weight",
    "cod10k-slt": "backbone.NCD.conv.weight",
    "pvt_v2": "head.weight",
    "pvt_v2-timm": "head.bias",
    "owlv2": "owlv2.vision_model.embeddings.class_embedding",
    "clip": "text_projection.weight",
}


@pytest.mark.slow
@pytest.mark.parametrize("family", PARTS)
def test_every_family_is_recognised_and_its_sizes_read(tmp_path, config, make_state, family):
    tensors_of, part = PARTS[family]
    state = make_state(tensors_of) | {EXTRA[family]: np.zeros(3, np.float32)}
    summary = import_weights(_file(tmp_path / "part.safetensors", state), tmp_path / "part")
    assert f": {family} weights" in summary
    description = read_description(tmp_path / "part")
    assert description["part"] == part
    if part == "text_encoder":
        assert description["config"].text == config.text
    else:
        assert description["config"].encoder == config.encoder


def test_timm_names_carry_the_same_weights(tmp_path, make_state):
    original = make_state(PARTS["pvt_v2"][0])
    renamed = dict(zip(make_state(PARTS["pvt_v2-timm"][0]), original.values(), strict=True))
    assert "stages.1.downsample.proj.weight" in renamed  # as timm writes them
    assert "stages.2.blocks.1.mlp.dwconv.weight" in renamed
    for name, state in (("a", original), ("b", renamed)):
        import_weights(_file(tmp_path / f"{name}.safetensors", state), tmp_path / name)
    a, b = (read_weights(tmp_path / name / "weights.safetensors") for name in "ab")
    _assert_identical(a, b)


def test_half_precision_files_are_widened(tmp_path, make_state):
    state = make_state(PARTS["pvt_v2"][0])
    halves = {key: value.astype(np.float16) for key, value in state.items()}
    import_weights(_file(tmp_path / "half.safetensors", halves), tmp_path / "part")
    assert all(value.dtype == np.float32 for value in read_weights(tmp_path / "part" / "weights.safetensors").values())


def test_all_misfits_are_listed_at_once(tmp_path, published):
    state = dict(published)
    del state["fusion_conv.1.bias"]
    del state["backbone.encoder.pvtv2_en.block2.1.attn.kv.weight"]
    state["visual_proj.weight"] = state["visual_proj.weight"].T
    state["extra.weight"] = np.zeros(2, np.float32)
    with pytest.raises(UserError) as error:
        import_weights(_file(tmp_path / "bad.safetensors", state), tmp_path / "model")
    for line in (
        "missing fusion_conv.1.bias",
        "missing backbone.encoder.pvtv2_en.block2.1.attn.kv.weight",
        "misshapen visual_proj.weight: (4, 64), expected (64, 4)",
        "unused extra.weight",
        "4 tensors",
    ):
        assert line in str(error.value)
    assert not (tmp_path / "model").exists()


def test_a_width_that_its_heads_do_not_divide_is_named_with_the_file(tmp_path, make_state):
    state = make_state(PARTS["pvt_v2"][0])
    state["patch_embed4.proj.weight"] = state["patch_embed4.proj.weight"][:63]
    source = _file(tmp_path / "odd.safetensors", state)
    with pytest.raises(UserError, match=r"odd\.safetensors: model\.encoder\.dims is \(8, 16, 40, 63\)"):
        import_weights(source, tmp_path / "part")


def test_a_width_that_a_file_lacks_is_the_published_one(make_state):
    shapes = {key: value.shape for key, value in make_state(PARTS["pvt_v2"][0]).items()}
    del shapes["patch_embed4.proj.weight"]
    assert recognise(shapes, "file").config(shapes).encoder.dims == (8, 16, 40, 512)


def test_prompts_must_be_as_many_as_the_checkpoints(tmp_path, published):
    source = _file(tmp_path / "published.safetensors", published)
    with pytest.raises(UserError, match=r"4 prompts, but 2 were given.*--prompts"):
        import_weights(source, tmp_path / "model", ("a", "b"))


def test_a_stranger_file_is_refused(tmp_path):
    source = _file(tmp_path / "resnet.safetensors", {"layer1.0.conv1.weight": np.zeros(3, np.float32)})
    with pytest.raises(UserError, match=r"not a weight file of a known kind.*layer1\.0\.conv1\.weight"):
        import_weights(source, tmp_path / "model")


def test_damaged_missing_and_misnamed_files(tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(b"\x08\x00\x00\x00")
    (tmp_path / "weights.bin").write_bytes(b"")
    for name, message in (
        ("cut.safetensors", "damaged or not a safetensors file"),
        ("absent.pth", "no such file"),
        ("weights.bin", "suffix .bin, but a weight file ends in .pth"),
    ):
        with pytest.raises(UserError, match=message):
            read_weights(tmp_path / name)


@needs_torch
def test_damaged_pth(tmp_path):
    (tmp_path / "cut.pth").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(UserError, match="damaged or not a PyTorch weight file"):
        read_weights(tmp_path / "cut.pth")


@pytest.mark.slow
def test_parts_of_ours_have_no_published_names(tmp_path):
    with pytest.raises(UserError, match=r"decoder 'fine_fpn', which have no published names"):
        export_weights(model_folder("plume_small"), tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()
