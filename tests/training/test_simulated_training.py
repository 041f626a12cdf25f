from pathlib import Path

import numpy as np
import pytest

from jvlgs_jax.data.batches import DataConfig
from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.prompts import DEFAULT_PROMPTS
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.inference.postprocess import ConfidenceGate
from jvlgs_jax.interop.weight_files import read_weights
from jvlgs_jax.simulation.training_source import SimulatedClips, simulation_sources
from jvlgs_jax.training import loop
from jvlgs_jax.training.evaluators.findings import HeldOut
from training.toy import SIZE, toy_config, toy_network

DATA = DataConfig(root=None, planes="temporal", input_size=SIZE, clips=ClipConfig(length=4, step=2), batch_size=2)


@pytest.mark.slow
def test_a_training_on_nothing_else_resumes_exactly(tmp_path: Path, small_family):
    simulated = SimulatedClips(family=small_family, clips=16)
    sources = simulation_sources([simulated], input_planes(DATA.planes))

    def train(name: str, steps: int) -> Path:
        loop.train(
            toy_network,
            DEFAULT_PROMPTS,
            sources,
            HeldOut(test=[], validation=[], gate=ConfidenceGate()),
            data=DATA,
            config=toy_config(steps=steps, save_every=1),
            seed=0,
            workdir=tmp_path / name,
        )
        return tmp_path / name

    straight = train("straight", 4)
    train("stopped", 2)
    stopped = train("stopped", 4)
    assert (stopped / "metrics.jsonl").read_text() == (straight / "metrics.jsonl").read_text()
    expected = read_weights(straight / "model" / "weights.safetensors")
    for path, value in read_weights(stopped / "model" / "weights.safetensors").items():
        np.testing.assert_array_equal(value, expected[path], err_msg=path)
