import re
from collections.abc import Callable
from pathlib import Path

import pytest

from jvlgs_jax.errors import UserError
from jvlgs_jax.experiment import load_experiment
from jvlgs_jax.sweeps.trials import expand

ROOT = Path(__file__).parents[2]


def test_a_trial_is_named_by_what_it_sets_and_trains_just_that(sweep_of: Callable):
    settings = {"train.optimizer.learning_rate": 1e-3, "data.input_size": (64, 96), "train.resume": None, "seed": 3}
    sweep = sweep_of(settings, overrides=("--config.train.steps=5",))
    (trial,) = sweep.trials
    assert re.fullmatch(r"learning_rate_0\.001-input_size_64-96-resume_None-seed_3-[0-9a-f]{8}", trial.name)
    experiment = load_experiment(sweep.config, trial.overrides)
    assert experiment == trial.experiment
    assert (experiment.train.steps, experiment.train.optimizer.learning_rate, experiment.seed) == (5, 1e-3, 3)
    assert (experiment.data.input_size, experiment.train.resume) == ((64, 96), None)


def test_the_same_settings_have_the_same_folder_however_they_are_written(sweep_of: Callable):
    (first,) = sweep_of({"train.optimizer.learning_rate": 1, "seed": 1}).trials
    (again,) = sweep_of({"train.optimizer.learning_rate": 1.0, "seed": 1}).trials
    (other,) = sweep_of({"train.optimizer.learning_rate": 1, "seed": 1}, overrides=("--config.train.steps=5",)).trials
    assert first.name[-8:] == again.name[-8:]
    assert first.name[-8:] != other.name[-8:]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ([{}, {"train.stepps": 3}], "trial 1 of sweep(): config: unknown setting 'train.stepps': did you mean"),
        ([{"seed": 1.5}], "trial 0 of sweep(): config: flag --config.seed=1.5"),
        ([{"seed": 1}, {}, {"seed": 1}], "trials 0 and 2 of sweep() are the same training (seed=1 and seed=1)"),
        ([{}, {"seed": 0}], "trials 0 and 1 of sweep() are the same training (the config as it is and seed=0)"),
        ([{"data.clips": {"length": 4}}], "set single values"),
        ([3], "trial 0 of sweep(): it is 3: yield a dict"),
        ([], "sweep() yields nothing"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)  # fmt: skip
def test_a_sweep_that_cannot_run_fails_before_anything_does(sweep_of: Callable, settings: list, complaint: str):
    with pytest.raises(UserError, match=re.escape(complaint)):
        sweep_of(*settings)


def test_a_setting_of_all_trials_may_not_be_swept(sweep_of: Callable):
    with pytest.raises(UserError, match=r"seed is set by the sweep and by --config\.seed: leave one of them out"):
        sweep_of({"seed": 1}, overrides=("--config.seed=2",))


def test_a_config_without_a_sweep_says_what_to_add(tmp_path: Path):
    config = tmp_path / "plain.py"
    config.write_text("from jvlgs_jax.experiment import default_config as get_config\n")
    with pytest.raises(UserError, match=r"plain\.py: defines no sweep\(\)"):
        expand(config, tmp_path)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("yield {'seed': 1}\n    yield {'seed': gone}", ":5: NameError: name 'gone' is not defined"),
        ("return {'seed': 1}", ": sweep() returns a dict: yield a dict of settings a trial"),
    ],
)
def test_a_mistake_in_a_sweep_is_told_in_one_line(tmp_path: Path, body: str, complaint: str):
    config = tmp_path / "mine.py"
    config.write_text(f"from jvlgs_jax.experiment import default_config as get_config\n\ndef sweep():\n    {body}\n")
    with pytest.raises(UserError, match=re.escape(f"{config}{complaint}")):
        expand(config, tmp_path)


def test_a_folder_trained_with_other_settings_is_left_alone(sweep_of: Callable):
    sweep = sweep_of({"seed": 1})
    saved = sweep.folder(sweep.trials[0]) / "config.json"
    saved.parent.mkdir(parents=True)
    saved.write_text(sweep.trials[0].experiment.to_json())
    assert sweep_of({"seed": 1}) == sweep
    sweep.config.write_text(
        sweep.config.read_text() + "\n_default = get_config\ndef get_config():\n"
        "    config = _default()\n    config.data.batch_size = 9\n    return config\n"
    )
    with pytest.raises(UserError, match=r"config\.json: this trial was trained with other settings"):
        expand(sweep.config, sweep.workdir)


def test_every_sweep_in_configs_expands(tmp_path: Path):
    configs = [path for path in (ROOT / "configs").glob("*.py") if "\ndef sweep(" in path.read_text()]
    assert configs
    for path in configs:
        assert len(expand(path, tmp_path).trials) > 1
