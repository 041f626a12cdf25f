import re

import jax
import pytest
from flax import nnx
from jax.sharding import AbstractMesh, AxisType

from jvlgs_jax.data.planes import input_planes
from jvlgs_jax.data.prompts import DEFAULT_PROMPTS, tokenize
from jvlgs_jax.training import mesh as mesh_module
from jvlgs_jax.training.losses import structure_loss_published
from jvlgs_jax.training.mesh import batch_sharding, shardings, with_shardings
from jvlgs_jax.training.optimizer import OptimizerConfig, make_optimizer
from jvlgs_jax.training.state import create_state
from jvlgs_jax.training.step import StepParts, make_train_step
from jvlgs_jax.training.text_features import TrainedPrompts
from training.toy import toy_batch, toy_network

SUM = re.compile(r'"stablehlo\.(all_reduce|reduce_scatter)".*?\}\) : \(tensor<(?:[\dx]+x)?(\w+)>\)', re.DOTALL)


def lowered(mesh: AbstractMesh, rows: int, micro_batches: int = 1) -> str:
    """A bfloat16 step as it goes to the compiler, for devices that need not be there."""
    config = OptimizerConfig(micro_batches=micro_batches)
    optimizer = make_optimizer(config, 10)
    graphdef, state = nnx.eval_shape(lambda: create_state(toy_network(), (), optimizer, ema=False))
    places = shardings(state, mesh)
    parts = StepParts(
        graphdef=graphdef,
        shardings=places,
        config=config,
        optimizer=optimizer,
        loss=structure_loss_published,
        planes=input_planes("temporal"),
        text=TrainedPrompts(tokenize(DEFAULT_PROMPTS)),
        precision="bfloat16",
    )
    step = make_train_step(parts)
    place = batch_sharding(mesh, rows, micro_batches)
    batch = jax.tree.map(lambda x: jax.ShapeDtypeStruct((rows, *x.shape[1:]), x.dtype, sharding=place), toy_batch())
    return step.trace(with_shardings(state, places), batch).lower(lowering_platforms=("cpu",)).as_text()


@pytest.fixture
def eight_devices(monkeypatch: pytest.MonkeyPatch) -> AbstractMesh:
    monkeypatch.setattr(mesh_module, "LEAST_SHARDED", 0)  # the arrays of a small network are small
    return AbstractMesh((4, 2), ("data", "fsdp"), axis_types=(AxisType.Auto, AxisType.Auto))


def test_devices_sum_gradients_of_bfloat16_arithmetic_in_float32(eight_devices: AbstractMesh):
    text = lowered(eight_devices, rows=8)
    assert re.search(r"stablehlo\.convolution.*bf16", text)
    kinds, dtypes = zip(*SUM.findall(text), strict=True)
    assert set(kinds) == {"all_reduce", "reduce_scatter"}
    assert set(dtypes) == {"f32"}


def test_gradients_of_micro_batches_are_summed_over_devices_once_at_the_end(eight_devices: AbstractMesh):
    main, *called = lowered(eight_devices, rows=16, micro_batches=2).split("func.func private")
    before, loop, after = re.split(
        r"^(?= *%\S+ = stablehlo.while)|(?<=^      \}$)", main, maxsplit=2, flags=re.MULTILINE
    )
    inside = [loop, *(body for body in called if "reduce" in body)]
    assert any("all_reduce" in body for body in inside)  # of BatchNorm's statistics
    assert not any("reduce_scatter" in body for body in (before, *inside))
    assert "reduce_scatter" in after
