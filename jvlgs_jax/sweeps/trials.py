"""The trials of a sweep: what a config file's `sweep()` yields, each checked, named and given a folder of its own."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jvlgs_jax.config_file import returned_by
from jvlgs_jax.errors import UserError
from jvlgs_jax.experiment import Experiment, from_config_dict, load_experiment
from jvlgs_jax.inference.replacement import replacement
from jvlgs_jax.sweeps.results import TRIAL

PREFIX = "--config."
MAX_READABLE = 60


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training of a sweep.

    Attributes:
        name: of its folder: what the sweep sets, readable, and a hash of all that is set, so that the same settings
            always have the same folder.
        settings: what the sweep sets, by dotted name.
        overrides: all that is set, as arguments of `jvlgs train`.
        experiment: what is trained.
    """

    name: str
    settings: Mapping[str, Any]
    overrides: tuple[str, ...]
    experiment: Experiment


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The trainings of a config file.

    Attributes:
        config: the file.
        workdir: holds one folder a trial, and the results.
        data_dir: the dataset, as `jvlgs train` takes it; None leaves it to the environment and the config.
        trials: in the order of `sweep()`.
    """

    config: Path
    workdir: Path
    data_dir: Path | None
    trials: tuple[Trial, ...]

    def folder(self, trial: Trial) -> Path:
        """Returns the workdir of a trial's training."""
        return self.workdir / trial.name


def expand(config: Path, workdir: Path, *, data_dir: Path | None = None, overrides: Sequence[str] = ()) -> Sweep:
    """Returns the sweep of a config file, every trial checked as `jvlgs train` would.

    Args:
        config: a Python file with `get_config()`, and `sweep()` that yields a dict of settings by dotted name a trial.
        workdir: where the trials' folders are or will be.
        data_dir: the dataset.
        overrides: settings of all trials as the command line gives them, such as "--config.train.steps=10".

    UserError for a file without a sweep or with a mistake in it, for a setting that is unknown, of a wrong type or
    beyond the command line, for two equal trials, and for a trial whose folder was trained with other settings.
    """
    base = load_experiment(config, overrides)
    variants = returned_by(config, "sweep", hint="let it yield a dict of settings a trial, such as {'seed': 1}")
    if not isinstance(variants, list | tuple):
        raise UserError(f"{config}: sweep() returns a {type(variants).__name__}: yield a dict of settings a trial")
    trials: dict[str, Trial] = {}
    for index, settings in enumerate(variants):
        try:
            trial = _trial(config, base, tuple(overrides), settings)
        except UserError as error:
            raise UserError(f"{config}: trial {index} of sweep(): {error}") from error
        same = trial.experiment.to_json()
        if same in trials:
            earlier = list(trials).index(same)
            raise UserError(
                f"{config}: trials {earlier} and {index} of sweep() are the same training "
                f"({_described(trials[same].settings)} and {_described(settings)}): yield each once"
            )
        _check_folder(workdir / trial.name, trial)
        trials[same] = trial
    if not trials:
        raise UserError(f"{config}: sweep() yields nothing: let it yield a dict of settings a trial")
    return Sweep(config=config, workdir=workdir, data_dir=data_dir, trials=tuple(trials.values()))


def write_trials(sweep: Sweep) -> None:
    """Makes the trials' folders and writes into each what it is, for `results.collect`."""
    for index, trial in enumerate(sweep.trials):
        folder = sweep.folder(trial)
        folder.mkdir(parents=True, exist_ok=True)
        about = {"index": index, "settings": trial.settings, "overrides": trial.overrides}
        with replacement(folder / TRIAL) as partial:
            partial.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def _trial(config: Path, base: Experiment, common: tuple[str, ...], settings: Any) -> Trial:
    if not isinstance(settings, Mapping):
        raise UserError(f"it is {settings!r}: yield a dict of settings by dotted name")
    set_for_all = [argument.removeprefix(PREFIX).partition("=")[0] for argument in common]
    for key in settings:
        if key in set_for_all:
            raise UserError(f"{key} is set by the sweep and by {PREFIX}{key}: leave one of them out")
    overrides = (*common, *(_argument(base, key, value) for key, value in settings.items()))
    # What is None already needs no argument, and there is none that says None.
    overrides = tuple(argument for argument in overrides if argument)
    experiment = load_experiment(config, overrides)
    for key, value in settings.items():
        if (parsed := _setting(experiment, key)) != _plain(value):
            raise UserError(
                f"{key} is {value!r}, which the command line would take for {parsed!r}: set single values, "
                "or let get_config() choose by one"
            )
    every = {key: _setting(experiment, key) for key in sorted({*set_for_all, *settings})}
    digest = hashlib.sha256(json.dumps(every, sort_keys=True).encode()).hexdigest()[:8]
    return Trial(
        name=f"{_readable(settings)}-{digest}",
        settings={key: _setting(experiment, key) for key in settings},
        overrides=overrides,
        experiment=experiment,
    )


def _argument(base: Experiment, key: str, value: Any) -> str | None:
    if value is None and _setting(base, key) is None:
        return None
    return f"{PREFIX}{key}={value}"


def _setting(experiment: Experiment, key: str) -> Any:
    """Returns a setting by its dotted name, in JSON's types; None for an unknown one, which loading complains about."""
    value: Any = experiment
    for name in key.split("."):
        value = getattr(value, name, None)
    return _plain(value)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def _described(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in settings.items()) or "the config as it is"


def _readable(settings: Mapping[str, Any]) -> str:
    """Returns the beginning of a folder's name: the settings without their groups, in letters that need no quotes."""
    pairs = (f"{key.rpartition('.')[2]}_{str(value).strip('()[]')}" for key, value in settings.items())
    words = (re.sub(r"[^A-Za-z0-9._+]+", "-", pair).strip("-") for pair in pairs)
    return "-".join(words)[:MAX_READABLE].rstrip("-") or "default"


def _check_folder(folder: Path, trial: Trial) -> None:
    """UserError if the folder holds a training of other settings, as after an edit of the config file."""
    saved = folder / "config.json"
    if not saved.is_file():
        return
    try:
        experiment = from_config_dict(json.loads(saved.read_text(encoding="utf-8")))
    except (ValueError, UserError):
        experiment = None
    if experiment != trial.experiment:
        raise UserError(
            f"{saved}: this trial was trained with other settings than the config now gives it: "
            "use a new --workdir, or remove its folder"
        )
