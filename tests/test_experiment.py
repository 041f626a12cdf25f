import dataclasses
import enum
import json
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax import experiment
from jvlgs_jax.data.augmentation.photometry import JitterScope
from jvlgs_jax.data.batches import MixedDataset
from jvlgs_jax.data.sampling import Direction
from jvlgs_jax.errors import UserError
from jvlgs_jax.experiment import Experiment, default_config, from_config_dict, load_experiment, to_config_dict
from jvlgs_jax.models.pvt_v2 import PvtV2Config


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    size: tuple[int, int] = (3, 4)
    names: tuple[str, ...] = ()
    rate: float = 0.5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outer:
    inner: Inner = Inner()
    count: int = 1
    on: bool = False
    limit: float | None = None
    mode: Literal["fast", "slow"] = "fast"
    colour: Colour = Colour.RED


def convert(**values: object) -> Outer:
    return experiment._convert(values, Outer, "")


def test_the_defaults_come_from_the_dataclasses():
    assert from_config_dict(default_config()) == Experiment()
    assert from_config_dict({}) == Experiment()


def test_every_kind_of_field_is_converted():
    outer = convert(
        inner={"size": [5, 6], "names": ("a", "b"), "rate": 1}, limit=2, mode="slow", colour="blue", on=True, count=7
    )
    assert outer == Outer(
        inner=Inner(size=(5, 6), names=("a", "b"), rate=1.0),
        limit=2.0,
        mode="slow",
        colour=Colour.BLUE,
        on=True,
        count=7,
    )
    assert isinstance(outer.inner.rate, float)
    assert isinstance(outer.colour, Colour)


def test_a_dataclass_and_its_config_dict_are_the_same():
    for value in (Outer(), Outer(limit=1.5, colour=Colour.BLUE, inner=Inner(names=("x",)))):
        assert convert(**to_config_dict(value).to_dict()) == value


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cuont": 1}, r"unknown setting 'cuont': did you mean 'count'\?"),
        ({"inner": {"szie": (1, 2)}}, r"'inner.szie': did you mean 'inner.size'\?"),
        ({"count": "three"}, r"count is 'three' \(str\), but must be int"),
        ({"count": 1.5}, r"count is 1.5 \(float\), but must be int"),
        ({"count": True}, r"count is True \(bool\), but must be int"),
        ({"count": None}, r"count is None \(NoneType\), but must be int"),
        ({"on": 1}, r"on is 1 \(int\), but must be bool"),
        ({"limit": "x"}, r"limit is 'x' \(str\), but must be float"),
        ({"mode": "medium"}, r"mode is 'medium': the choices are 'fast', 'slow'"),
        ({"colour": "green"}, r"colour is 'green': the choices are red, blue"),
        ({"inner": 3}, r"inner is 3 \(int\), but must be a group of settings"),
        ({"inner": {"size": (1, 2, 3)}}, r"inner.size is \(1, 2, 3\) \(tuple\), but must be a tuple of 2"),
        ({"inner": {"size": (1, "b")}}, r"inner.size\[1\] is 'b' \(str\), but must be int"),
        ({"inner": {"names": "ab"}}, r"inner.names is 'ab' \(str\), but must be a tuple"),
    ],
)
def test_what_does_not_fit_is_named(values: dict, message: str):
    with pytest.raises(UserError, match=message):
        convert(**values)


def test_a_config_dict_refuses_typos_and_wrong_types_at_once():
    config = default_config()
    with pytest.raises(AttributeError, match="steps"):
        config.train.stesp = 3
    with pytest.raises(TypeError):
        config.train.steps = "three"


def test_json_brings_the_experiment_back():
    config = default_config()
    config.data.split = "hold_out:group_3"
    config.data.augmentation.jitter_scope = "frame"
    config.train.optimizer.ema_decay = 0.99
    changed = from_config_dict(config)
    assert changed.data.augmentation.jitter_scope is JitterScope.FRAME
    assert from_config_dict(json.loads(changed.to_json())) == changed != Experiment()


def test_the_network_is_built_for_the_number_of_prompts():
    with pytest.raises(UserError, match=r"prompts has 1 entries, but model\.num_prompts is 4"):
        from_config_dict({"prompts": ("gas",)})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seed": -1}, "seed is -1, it must be 0 or more and below 4294967296"),
        ({"seed": 2**32}, "seed is 4294967296, it must be"),
        ({"data": {"input_size": (352, 100)}}, r"data\.input_size is \(352, 100\), both must be above 0 and divis"),
        ({"data": {"inference_size": (0, 64)}}, r"data\.inference_size is \(0, 64\), both must be above 0 and divis"),
        ({"data": {"coarse_size": (64, 100)}}, r"data\.coarse_size: coarse size is 64x100, both must be above 0 and"),
        ({"data": {"coarse_size": (352, 384)}}, r"data\.coarse_size: coarse size is 352x384, larger than the input"),
        ({"model": {"fusion": "prompt_attention"}, "prompts": ()}, "prompts is empty: give at least one"),
        ({"model": {"text": {"positions": 3}}}, r"model\.text\.positions is 3, prompts need 16: use 16 or more"),
        ({"model": {"text": {"vocabulary": 100}}}, r"model\.text\.vocabulary is 100, prompts need 49408"),
        ({"model": {"encoder": {"heads": (3, 2, 5, 8)}}}, r"model\.encoder\.dims is \(64, .*a multiple of its number"),
    ],
)
def test_settings_that_no_training_can_have(values: dict, message: str):
    with pytest.raises(UserError, match=message):
        from_config_dict(values)


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.py"
    path.write_text(
        "from jvlgs_jax.experiment import default_config\n\n\n"
        "def get_config():\n    config = default_config()\n    config.train.steps = 20\n    return config\n"
    )
    return path


def test_overrides_change_the_config_file(config_file: Path):
    overrides = [
        "--config.train.steps=10",
        "--config.train.optimizer.ema_decay=0.9",
        "--config.train.save_every=5",
        "--config.train.init_from=weights/b0",
        "--config.data.split=hold_out:3,4",
        "--config.data.clips.direction=past_only",
        "--config.data.input_size=(96, 128)",
        "--config.data.inference_size=(128, 160)",
        "--config.data.coarse_size=(128, 128)",
        "--config.data.augmentation.jitter_scope=frame",
        "--config.rule.low=0.2",
    ]
    changed = load_experiment(config_file, overrides)
    assert load_experiment(config_file).train.steps == 20
    assert (changed.train.steps, changed.train.save_every, changed.train.init_from) == (10, 5, ("weights/b0",))
    assert changed.train.optimizer.ema_decay == 0.9
    assert (changed.data.split, changed.data.input_size) == ("hold_out:3,4", (96, 128))
    assert (changed.data.model_size, changed.data.coarse_size) == ((128, 160), (128, 128))
    assert changed.data.clips.direction is Direction.PAST_ONLY
    assert changed.data.augmentation.jitter_scope is JitterScope.FRAME
    assert changed.rule.low == 0.2


def test_none_unsets_what_may_be_unset(config_file: Path):
    changed = load_experiment(config_file, ["--config.train.steps=None", "--config.train.epochs=2.5"]).train
    assert (changed.steps, changed.epochs) == (None, 2.5)
    with pytest.raises(UserError, match=r"train\.steps.*20 steps, 2\.5 epochs"):
        load_experiment(config_file, ["--config.train.epochs=2.5"])
    assert load_experiment(config_file, ["--config.data.root=a=None"]).data.root == "a=None"
    with pytest.raises(UserError, match=r"train\.save_every is None"):
        load_experiment(config_file, ["--config.train.save_every=None"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("--config.train.stesp=3", r"unknown setting 'train.stesp': did you mean 'train.steps'\?"),
        ("--config.trian.steps=3", r"unknown setting 'trian.steps': did you mean 'train.steps'\?"),
        ("--config.train.steps=three", r"train.steps.*three"),
        ("--config.train.steps=1.5", r"train.steps.*1.5"),
        ("--config.train.steps", r"has no value"),
        ("--config.data.augmentation.jitter_scope=pixel", r"jitter_scope is 'pixel': the choices are clip, frame"),
        ("--steps=3", r"unknown argument '--steps=3': settings are changed as --config.NAME=VALUE"),
    ],
)
def test_overrides_that_do_not_fit(config_file: Path, override: str, message: str):
    with pytest.raises(UserError, match=message) as raised:
        load_experiment(config_file, [override])
    assert len(str(raised.value).splitlines()) == 1


def test_files_that_are_no_config(tmp_path: Path):
    with pytest.raises(UserError, match="no such config file"):
        load_experiment(tmp_path / "gone.py")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "none.py").write_text("def get_config():\n    pass\n")
    with pytest.raises(UserError, match=r"none\.py: get_config\(\) returns a NoneType: return default_config"):
        load_experiment(tmp_path / "none.py")
    with pytest.raises(UserError, match=r"defines no get_config\(\)"):
        load_experiment(tmp_path / "empty.py")


def test_a_part_can_be_replaced_whole():
    config = default_config()
    config.model.encoder = to_config_dict(PvtV2Config.variant("b0"))
    assert from_config_dict(config).model.encoder == PvtV2Config.variant("b0")


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from([f.name for f in dataclasses.fields(Outer)]) | st.text(max_size=6), trees))
def test_anything_is_either_converted_or_refused_in_one_line(values: dict):
    message = ""
    try:
        assert isinstance(experiment._convert(values, Outer, ""), Outer)
    except UserError as error:
        message = str(error)
    assert len(message.splitlines()) <= 1


def test_a_config_file_may_mix_datasets_and_its_json_keeps_them(tmp_path):
    path = tmp_path / "mixed.py"
    path.write_text(
        "from jvlgs_jax.data.batches import MixedDataset\n"
        "from jvlgs_jax.experiment import default_config\n"
        "def get_config():\n"
        "    config = default_config()\n"
        "    config.data.mixed_with = (MixedDataset(root='quiet', weight=0.5, leak_free=True),)\n"
        "    return config\n"
    )
    experiment = load_experiment(path, ["--config.train.steps=7"])
    assert experiment.data.mixed_with == (MixedDataset(root="quiet", weight=0.5, leak_free=True),)
    assert from_config_dict(json.loads(experiment.to_json())) == experiment
