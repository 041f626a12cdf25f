import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx
from jax.sharding import PartitionSpec

from jvlgs_jax.errors import UserError
from jvlgs_jax.interop.parameters import flatten
from jvlgs_jax.interop.weight_files import read_weights
from jvlgs_jax.models.jvlgs import Jvlgs, JvlgsConfig
from jvlgs_jax.training.mesh import MeshConfig, batch_sharding, make_mesh, shardings

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the program for eight devices has written; it checks checkpoints across meshes itself."""
    folder = tmp_path_factory.mktemp("meshes")
    command = [sys.executable, "-m", "training.eight_devices", str(folder)]
    # Less optimised, it compiles faster by a quarter; there is little to compute.
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def runs(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """What five steps made of a small network on each mesh."""
    return {path.stem: dict(np.load(path)) for path in folder.glob("*.npz")}


@pytest.mark.slow
def test_every_mesh_trains_the_same_network(runs: dict[str, dict[str, np.ndarray]]):
    facts = ("losses", "compiled", "cut")
    assert runs["one"]["losses"][-1] < runs["one"]["losses"][0]
    for name, reference in (("data8", "one"), ("data4_fsdp2", "one"), ("data2_fsdp2_in_two", "one_in_two")):
        one = runs[reference]
        np.testing.assert_allclose(runs[name]["losses"], one["losses"], rtol=1e-5, err_msg=name)
        for path in one.keys() - set(facts):
            scale = max(np.abs(one[path]).max(), 1e-2)  # a bias before a BatchNorm is moved by rounding alone
            np.testing.assert_allclose(runs[name][path], one[path], atol=1e-4 * scale, err_msg=f"{name} {path}")


@pytest.mark.slow
def test_five_steps_compile_once_on_every_mesh(runs: dict[str, dict[str, np.ndarray]]):
    assert {name: int(found["compiled"]) for name, found in runs.items()} == dict.fromkeys(runs, 1)


@pytest.mark.slow
def test_fsdp_cuts_parameters_and_optimizer_memory(runs: dict[str, dict[str, np.ndarray]]):
    kernels = sum(path.startswith("params/") and path.endswith("kernel") for path in runs["one"])
    odd = 2  # kernels with a single output
    assert runs["data8"]["cut"] == 0
    assert runs["data4_fsdp2"]["cut"] == 3 * (kernels - odd)  # the parameter and Adam's two means


@pytest.mark.slow
def test_a_training_goes_on_with_another_number_of_devices(folder: Path):
    stayed = read_weights(folder / "stayed" / "model" / "weights.safetensors")
    for path, value in read_weights(folder / "moved" / "model" / "weights.safetensors").items():
        np.testing.assert_allclose(value, stayed[path], rtol=1e-4, atol=1e-6, err_msg=path)


@pytest.mark.slow
def test_the_rules_leave_small_arrays_whole_and_never_cut_the_scanned_axis():
    mesh = jax.sharding.AbstractMesh((4, 2), ("data", "fsdp"))
    params = nnx.state(nnx.eval_shape(lambda: Jvlgs(JvlgsConfig(), rngs=nnx.Rngs(0))), nnx.Param)
    places = {path: place.spec for path, place in flatten(shardings(params, mesh)).items()}
    blocks = "video_encoder/stages/2/blocks"
    assert places[f"{blocks}/mlp/expand/kernel"] == PartitionSpec(None, None, "fsdp")
    assert places[f"{blocks}/mlp/expand/bias"] == PartitionSpec()
    assert places["decoder/head/kernel"] == PartitionSpec()
    (vocabulary,) = (path for path in places if path.endswith("token_embedding/embedding"))
    assert places[vocabulary] == PartitionSpec("fsdp", None)
    kept = sum(x.size for path, x in flatten(params).items() if places[path] == PartitionSpec())
    assert kept < 0.01 * sum(x.size for x in flatten(params).values())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"fsdp": 0}, "fsdp is 0, the least is 1"),
        ({"data": 0}, "data is 0.*-1 for all"),
        ({"data": -2}, "data is -2"),
    ],
)
def test_bad_settings(config: dict, message: str):
    with pytest.raises(UserError, match=message):
        MeshConfig(**config)


def test_more_devices_than_there_are():
    count = jax.device_count()
    with pytest.raises(UserError, match=rf"data={count} times fsdp=2, {2 * count} devices, but there are {count}"):
        make_mesh(MeshConfig(data=count, fsdp=2))
    with pytest.raises(UserError, match=rf"but there are {count}"):
        make_mesh(MeshConfig(fsdp=count + 1))


def test_a_batch_that_cannot_be_shared():
    mesh = make_mesh(MeshConfig(data=1))
    assert batch_sharding(mesh, 6, 2).spec == PartitionSpec(("data", "fsdp"))
    with pytest.raises(
        UserError, match=r"batch_size is 6, shared by 1 devices in 4 micro-batches: use a multiple of 4"
    ):
        batch_sharding(mesh, 6, 4)
