"""An experiment: the one frozen dataclass that a config file describes, and the conversion to it."""

import dataclasses
import difflib
import enum
import json
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

from absl import flags
from ml_collections import ConfigDict, config_dict, config_flags

from jvlgs_jax.config_file import returned_by
from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.data.prompts import DEFAULT_PROMPTS, END_OF_TEXT, MAX_POSITIONS
from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.config import MetaConfig
from jvlgs_jax.inference.postprocess import ConfidenceGate
from jvlgs_jax.models.jvlgs import JvlgsConfig
from jvlgs_jax.models.multi_scale import InputSizes
from jvlgs_jax.models.pvt_v2 import STRIDES
from jvlgs_jax.simulation.training_source import SimulatedClips
from jvlgs_jax.training.config import TrainConfig

T = TypeVar("T")

_SEEDS = 2**32  # what the shuffling of clips takes


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """All that a training depends on; the defaults are the published ones.

    Attributes:
        seed: of the random weights, the order of the clips and their augmentation.
        prompts: what the network looks for.
        model: sizes of the network.
        data: where clips come from and how they are made.
        simulated: families of clips to make as they are drawn, beside those of `data` or alone (`data.root` None).
        train: the training itself.
        meta: how a start for adaptation is learned, see `jvlgs meta-train`; None: the training is an ordinary one.
        rule: from probabilities to masks, in evaluations.
    """

    seed: int = 0
    prompts: tuple[str, ...] = DEFAULT_PROMPTS
    model: JvlgsConfig = field(default_factory=JvlgsConfig)
    data: DataConfig = field(default_factory=DataConfig)
    simulated: tuple[SimulatedClips, ...] = ()
    train: TrainConfig = field(default_factory=TrainConfig)
    meta: MetaConfig | None = None
    rule: ConfidenceGate = field(default_factory=ConfidenceGate)

    def __post_init__(self) -> None:
        if not 0 <= self.seed < _SEEDS:
            raise UserError(f"seed is {self.seed}, it must be 0 or more and below {_SEEDS}: use another one")
        for name in ("input_size", "inference_size"):
            size = getattr(self.data, name)
            if size is not None and (min(size) < 1 or any(side % STRIDES[-1] for side in size)):
                raise UserError(
                    f"data.{name} is {size}, both must be above 0 and divisible by {STRIDES[-1]}, "
                    "as the network's coarsest map has a pixel for so many: the published one is (352, 352)"
                )
        try:
            InputSizes(self.data.model_size, self.data.coarse_size)
        except UserError as error:
            raise UserError(f"data.coarse_size: {error}") from error
        self._check_prompts()

    def _check_prompts(self) -> None:
        if not self.prompts:
            raise UserError(f"prompts is empty: give at least one, for example {DEFAULT_PROMPTS[0]!r}")
        text = self.model.text
        for name, size, least in (
            ("positions", text.positions, MAX_POSITIONS),
            ("vocabulary", text.vocabulary, END_OF_TEXT + 1),
        ):
            if size < least:
                raise UserError(f"model.text.{name} is {size}, prompts need {least}: use {least} or more")
        if self.model.fusion == "prompt_projection" and len(self.prompts) != self.model.num_prompts:
            raise UserError(
                f"prompts has {len(self.prompts)} entries, but model.num_prompts is {self.model.num_prompts}: "
                "the published fusion is built for a number of prompts, so make them agree"
            )

    def to_json(self) -> str:
        """Returns the experiment as JSON; `from_config_dict` takes it back after `json.loads`."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"


def default_config() -> ConfigDict:
    """Returns the default experiment for a config file to change: a mistyped name or a wrong type fails at once."""
    return to_config_dict(Experiment())


def to_config_dict(value: Any) -> ConfigDict:
    """Returns a config dataclass, such as `PvtV2Config.variant("b0")`, as a locked ConfigDict."""
    hints = typing.get_type_hints(type(value))
    fields = {f.name: _to_entry(getattr(value, f.name), hints[f.name]) for f in dataclasses.fields(value)}
    return ConfigDict(fields).lock()


def from_config_dict(config: ConfigDict | Mapping[str, Any]) -> Experiment:
    """Returns the experiment that `config` describes; what it leaves out keeps its default.

    UserError for an unknown name, with the nearest known one, and for a value of the wrong type.
    """
    return _dataclass(config.to_dict() if isinstance(config, ConfigDict) else config, Experiment, "")


def load_experiment(path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """Returns the experiment of a config file, a Python file whose `get_config()` returns a ConfigDict.

    Args:
        path: the file.
        overrides: changes to it as the command line gives them, such as "--config.train.steps=10"; "None" unsets.

    UserError for a file that is missing, has no `get_config` or a mistake in it, and for overrides that do not fit.
    """
    config = returned_by(path, "get_config", hint="start from a file in configs/")
    if not isinstance(config, ConfigDict):
        raise UserError(f"{path}: get_config() returns a {type(config).__name__}: return default_config(), changed")
    return from_config_dict(_override(config, overrides))


def _override(config: ConfigDict, overrides: Sequence[str]) -> ConfigDict:
    names = _dotted_names(config.to_dict(), "")
    for argument in overrides:
        if not argument.startswith("--config."):
            raise UserError(f"unknown argument {argument!r}: settings are changed as --config.NAME=VALUE")
        key, equals, _ = argument.removeprefix("--config.").partition("=")
        if key not in names:
            nearest = difflib.get_close_matches(key, names, n=1, cutoff=0)[0]
            raise UserError(f"config: unknown setting {key!r}: did you mean {nearest!r}?")
        if not equals:
            raise UserError(f"{argument} has no value: write {argument}=VALUE")
    # What no flag of a number can be.
    unset = [argument for argument in overrides if argument.partition("=")[2] == "None"]
    overrides = [argument for argument in overrides if argument not in unset]
    values = flags.FlagValues()  # private: the process-wide flags stay as they are
    try:
        holder = config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=list(overrides))
        values(["jvlgs train", *overrides])
    except (flags.Error, TypeError, ValueError) as error:
        raise UserError(f"config: {error}") from error
    names = [argument.removeprefix("--config.").removesuffix("=None") for argument in unset]
    holder.value.update_from_flattened_dict(dict.fromkeys(names))
    return holder.value


def _dotted_names(config: Mapping[str, Any], prefix: str) -> list[str]:
    names = []
    for name, value in config.items():
        names.append(prefix + name)
        if isinstance(value, Mapping):
            names += _dotted_names(value, f"{prefix}{name}.")
    return names


def _to_entry(value: Any, hint: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_config_dict(value)
    if isinstance(value, enum.StrEnum):
        return str(value)
    if value is None:
        # A placeholder remembers the type, so that the command line can parse a value for it.
        return config_dict.placeholder(_plain_type(_without_none(hint)))
    return value


def _without_none(hint: Any) -> Any:
    (kind,) = (kind for kind in typing.get_args(hint) if kind is not type(None))
    return kind


def _plain_type(hint: Any) -> type:
    if dataclasses.is_dataclass(hint):
        return ConfigDict
    origin = typing.get_origin(hint)
    if origin is Literal:
        return type(typing.get_args(hint)[0])
    return origin or hint


def _dataclass(config: Any, kind: type[T], path: str) -> T:
    if isinstance(config, kind):  # in a tuple, where a ConfigDict keeps objects as they are
        return config
    if not isinstance(config, Mapping):
        raise _wrong_type(path, config, "a group of settings")
    hints = typing.get_type_hints(kind)
    names = [f.name for f in dataclasses.fields(kind)]  # pyrefly: ignore[bad-argument-type]  # a dataclass
    for name in config:
        if name not in names:
            nearest = difflib.get_close_matches(str(name), names, n=1, cutoff=0)[0]
            raise UserError(f"config: unknown setting {_join(path, name)!r}: did you mean {_join(path, nearest)!r}?")
    return kind(**{name: _convert(value, hints[name], _join(path, name)) for name, value in config.items()})


def _convert(value: Any, hint: Any, path: str) -> Any:
    """Returns `value` as the type `hint`, or raises the UserError that names `path`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _dataclass(value, hint, path)  # pyrefly: ignore[bad-argument-type]  # a class here, not an instance
    if origin in (Union, types.UnionType):
        return None if value is None else _convert(value, _without_none(hint), path)
    if origin is Literal:
        if value not in arguments:
            raise UserError(f"config: {path} is {value!r}: the choices are {', '.join(map(repr, arguments))}")
        return value
    if origin is tuple:
        return _tuple(value, arguments, path)
    if isinstance(hint, type) and issubclass(hint, enum.StrEnum):
        if value not in list(hint):
            raise UserError(f"config: {path} is {value!r}: the choices are {', '.join(hint)}")
        return hint(value)
    return _scalar(value, hint, path)


def _tuple(value: Any, kinds: tuple[Any, ...], path: str) -> tuple:
    if not isinstance(value, tuple | list):
        raise _wrong_type(path, value, "a tuple")
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise _wrong_type(path, value, f"a tuple of {len(kinds)}")
    return tuple(_convert(item, kind, f"{path}[{i}]") for i, (item, kind) in enumerate(zip(value, kinds, strict=True)))


def _scalar(value: Any, kind: type, path: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _wrong_type(path, value, kind.__name__)
    return value


def _wrong_type(path: str, value: Any, wanted: str) -> UserError:
    return UserError(f"config: {path or 'the config'} is {value!r} ({type(value).__name__}), but must be {wanted}")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
