import dataclasses
import json
import threading

import pytest

from jvlgs_jax.cli.main import main
from jvlgs_jax.data.episodes import EpisodeConfig
from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.config import MetaConfig
from jvlgs_jax.runs import experiment_run
from jvlgs_jax.runs import follow as follow_module
from jvlgs_jax.runs.experiment_run import run_experiment
from jvlgs_jax.runs.follow import follow_training
from jvlgs_jax.simulation.training_source import SimulatedClips
from jvlgs_jax.training.config import EvaluatorConfig, SelectionConfig


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_each_checkpoint_of_a_running_training_is_scored_until_it_is_done(experiment, tmp_path, capsys):
    tmp_path.joinpath("config.json").write_text(experiment.to_json())
    follower = threading.Thread(target=follow_training, args=(tmp_path,), kwargs={"poll_seconds": 0.05}, daemon=True)
    follower.start()
    run_experiment(experiment, tmp_path)
    follower.join(timeout=60)
    assert not follower.is_alive()
    found = lines(tmp_path / "follow.jsonl")
    assert [line["step"] for line in found] == [2, 4]
    # The training's own evaluators ran on the same steps and found the same.
    inside = {line["step"]: line for line in lines(tmp_path / "metrics.jsonl")}
    for line in found:
        assert {"test/jvlgs_j", "choice/false_alarm_rate"} <= set(line)
        assert {name: inside[line["step"]][name] for name in line} == line
    assert "step 2 of 4: test/jvlgs_j" in capsys.readouterr().err

    # Begun again, it goes on behind its last whole line.
    with (tmp_path / "follow.jsonl").open("w") as file:
        file.write(json.dumps(found[0]) + "\n" + '{"step": 4, "test/jv')
    assert main(["evaluate", "--follow", str(tmp_path), "--poll-seconds=0.05"]) == 0
    assert lines(tmp_path / "follow.jsonl") == found


def test_a_meta_training_is_followed_as_it_trains(experiment, tmp_path, monkeypatch):
    """Its epochs are of tasks, not of clips, and it may be measured on tasks."""
    followed = {}

    def follow(workdir, evaluators, *, last_step, **settings):
        followed.update(steps=last_step, due=[one.name for one in evaluators.due(last_step)])
        return iter(())

    monkeypatch.setattr(follow_module, "follow", follow)
    evaluator = EvaluatorConfig(name="tasks", kind="tasks", every_epochs=1.0)
    train = dataclasses.replace(
        experiment.train, steps=None, epochs=6.0, evaluators=(evaluator,), selection=SelectionConfig()
    )
    episodes = EpisodeConfig(tasks=2, shots=1, queries=1, gap=0)
    of_tasks = dataclasses.replace(experiment, train=train, meta=MetaConfig(episodes=episodes))
    (tmp_path / "config.json").write_text(of_tasks.to_json())
    follow_training(tmp_path)
    assert followed == {"steps": 3, "due": ["tasks"]}  # one scene is left to train on, of which a batch has two


def test_what_cannot_be_followed_is_one_line(experiment, tmp_path, capsys):
    assert main(["evaluate", "--follow", str(tmp_path)]) == 2
    assert "not the workdir of a training (config.json is missing): start the training" in capsys.readouterr().err
    assert main(["evaluate", "--follow", str(tmp_path), "--split=grouped/0"]) == 2
    assert "leave --split out" in capsys.readouterr().err
    nothing = dataclasses.replace(experiment.data, split="all", validation=None)
    train = dataclasses.replace(experiment.train, selection=type(experiment.train.selection)())
    workdir = tmp_path / "nothing_held_out"
    workdir.mkdir()
    unscored = dataclasses.replace(experiment, data=nothing, train=train)
    (workdir / experiment_run.CONFIG).write_text(unscored.to_json())
    with pytest.raises(UserError, match=r"no evaluator of its config has scenes: set data\.split"):
        follow_training(workdir)
    alone = dataclasses.replace(unscored, data=dataclasses.replace(nothing, root=None), simulated=(SimulatedClips(),))
    (workdir / experiment_run.CONFIG).write_text(alone.to_json())
    with pytest.raises(UserError, match=r"no evaluator of its config has scenes: set data\.split"):
        follow_training(workdir)
