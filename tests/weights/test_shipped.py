"""A random tiny model shipped to a temporary folder, listed, loaded, damaged."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from flax import nnx

from jvlgs_jax.cli.checkpoint import load_bundle
from jvlgs_jax.cli.main import main
from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.model_folder import ModelBundle, abstract_model, save_model
from jvlgs_jax.interop.parameters import flatten, replace
from jvlgs_jax.models.jvlgs import JvlgsConfig
from jvlgs_jax.weights import ship, shipped
from jvlgs_jax.weights.ship import CardTexts, read_card_texts, ship_model
from jvlgs_jax.weights.shipped import shipped_model, shipped_models

TEXTS = {
    "summary": "A tiny network that knows nothing.",
    "licence": "Apache-2.0",
    "data": "None at all.",
    "recipe": "NumPy's generator, seed 0.",
    "numbers": "It scores what chance does.",
    "limits": "Do not use it.",
}


@pytest.fixture(scope="module")
def bundle():
    graphdef, state = nnx.split(abstract_model(JvlgsConfig.tiny()))
    rng = np.random.default_rng(0)
    arrays = {path: rng.normal(0, 1, leaf.shape).astype(leaf.dtype) for path, leaf in flatten(state).items()}
    model = nnx.merge(graphdef, replace(state, arrays))
    return ModelBundle(model, ("a", "b", "c", "d"), "temporal", (64, 96), rule={"name": "minmax_opening"})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """In place of the package's own."""
    (tmp_path / "weights").mkdir()
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture
def tiny(folder, bundle):
    return ship_model(bundle, folder / "tiny", CardTexts(**TEXTS), default=True)


def damage(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_shipped_model_is_loaded_by_name_and_by_default(tiny, bundle):
    assert [path.name for path in sorted(tiny.folder.iterdir())] == [
        "MODEL_CARD.md",
        "model.json",
        "weights.safetensors",
    ]
    for loaded in (shipped_model("tiny").load(), shipped_model().load()):
        assert (loaded.prompts, loaded.planes, loaded.rule) == (bundle.prompts, "temporal", {"name": "minmax_opening"})
        found, expected = (flatten(nnx.state(of.model)) for of in (loaded, bundle))
        assert all(found[path].dtype == value.dtype for path, value in expected.items())
        np.testing.assert_allclose(found["decoder/head/kernel"], expected["decoder/head/kernel"], rtol=1e-3, atol=1e-6)


def test_its_card_says_what_it_is(tiny):
    card = (tiny.folder / "MODEL_CARD.md").read_text()
    for text in (*TEXTS.values(), tiny.entry.sha256, f"{tiny.parameters():,}", "temporal planes of 64 x 96 pixels"):
        assert text in card
    assert "$" not in card


def test_a_second_look_is_told_by_card_and_list(folder, bundle, capsys):
    two = dataclasses.replace(bundle, coarse_size=(32, 64))
    model = ship_model(two, folder / "two", CardTexts(**TEXTS))
    assert "| temporal planes of 64 x 96 pixels, and of 32 x 64 |" in (model.folder / "MODEL_CARD.md").read_text()
    assert model.load().coarse_size == (32, 64)
    assert main(["models"]) == 0
    assert "input 64x96 and 32x64, licence" in capsys.readouterr().out


def test_parameters_are_counted(tiny, bundle):
    assert tiny.parameters() == sum(value.size for value in flatten(nnx.state(bundle.model)).values())
    assert tiny.weight_bytes < 2.1 * tiny.parameters() + 100_000


def test_damaged_weights_are_told_and_not_run(tiny):
    damage(tiny.folder / "weights.safetensors")
    with pytest.raises(UserError, match=r"weights\.safetensors: damaged \(sha256 .*: install the package again"):
        shipped_model("tiny").load()


def test_a_name_that_is_not_there_gets_the_nearest(tiny):
    with pytest.raises(UserError, match="no shipped model 'tinny': did you mean 'tiny'"):
        shipped_model("tinny")


def test_every_checkpoint_argument_takes_a_name_a_folder_first_or_nothing(tiny, bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_bundle(Path("tiny")).planes == load_bundle(None).planes == "temporal"
    with pytest.raises(UserError, match=r"no such checkpoint: .* or the name of a shipped model \(tiny\)"):
        load_bundle(Path("elsewhere/tiny"))
    save_model(tmp_path / "tiny", ModelBundle(bundle.model, bundle.prompts, "rgb", (64, 96)))
    assert load_bundle(Path("tiny")).planes == "rgb"


def test_without_a_shipped_model_the_way_out_is_told(folder, tmp_path, capsys):
    assert main(["models"]) == 0
    assert "no model comes with this version" in capsys.readouterr().out
    with pytest.raises(UserError, match="no model comes with this version of the package: give --checkpoint=DIR"):
        load_bundle(None)


def test_models_lists_ships_and_finds_damage(folder, bundle, tmp_path, capsys):
    save_model(tmp_path / "trained", bundle)
    (tmp_path / "card.json").write_text(json.dumps(TEXTS))
    command = ["models", "--ship", str(tmp_path / "trained"), "--name", "tiny", "--card", str(tmp_path / "card.json")]
    assert main([*command, "--default"]) == 0
    listed = capsys.readouterr().out
    (model,) = shipped_models()
    for text in (
        "tiny (default): A tiny network",
        "input 64x96",
        "licence Apache-2.0",
        "a, b, c, d",
        model.entry.sha256,
    ):
        assert text in listed
    damage(model.folder / "weights.safetensors")
    assert main(["models"]) == 2
    captured = capsys.readouterr()
    assert captured.out == listed
    assert captured.err.count("\n") == 1
    assert "damaged (sha256" in captured.err
    assert main([*command[:-2], "--card", str(tmp_path / "nothing.json")]) == 2
    assert "nothing.json: cannot be read" in capsys.readouterr().err


def test_a_model_that_is_too_large_leaves_the_earlier_one(tiny, bundle, monkeypatch):
    monkeypatch.setattr(ship, "MAX_BYTES", 1000)
    with pytest.raises(UserError, match=r"tiny: its weights take \d+ bytes, the limit is 1000"):
        ship_model(bundle, tiny.folder, CardTexts(**TEXTS))
    shipped_model("tiny").load()
    assert [path.name for path in tiny.folder.parent.iterdir()] == ["tiny"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"limits": None}, "limits missing, empty or unknown"),
        ({"limits": " "}, "limits missing, empty or unknown"),
        ({"author": "me"}, "author missing, empty or unknown"),
    ],
)
def test_a_card_needs_all_its_texts_and_no_other(tmp_path, change, words):
    texts = {name: text for name, text in (TEXTS | change).items() if text is not None}
    (tmp_path / "card.json").write_text(json.dumps(texts))
    with pytest.raises(UserError, match=words):
        read_card_texts(tmp_path / "card.json")


def test_what_comes_with_the_package_is_whole():
    models = shipped_models()
    assert sum(model.entry.default for model in models) <= 1
    for model in models:
        model.check()
        assert model.weight_bytes <= ship.MAX_BYTES
        assert (model.folder / "MODEL_CARD.md").is_file()


def test_what_a_killed_ship_leaves_behind_is_no_model(tiny, folder):
    (folder / ".partial-tiny").mkdir()
    (folder / ".partial-tiny" / "model.json").write_text((tiny.folder / "model.json").read_text())
    assert [model.name for model in shipped_models()] == ["tiny"]
