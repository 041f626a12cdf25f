"""Floating-point operations, counted from shapes.

XLA's own cost analysis counts the body of a loop once, and the blocks of the video encoder are a loop.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn
from jax.stages import Traced

from jvlgs_jax.data.batches import Batch
from jvlgs_jax.training.state import TrainState


def step_flops(train_step: Callable[[TrainState, Batch], Any], state: TrainState, batch: Batch) -> int:
    """Returns the operations of one training step over all devices, see `count_flops`.

    Shapes do for `state` and `batch`, which are neither read nor donated. What `train.remat` computes again counts: for
    the work that the model asks for, as model FLOP utilisation wants it, give the step of a model with remat "none".
    """
    return count_flops(train_step, state, batch)


def count_flops(function: Callable, *arguments: Any) -> int:
    """Returns the multiplications and additions in the matrix products and convolutions of a call, of arrays or shapes.

    A loop counts as often as it runs, a choice as its dearest branch, and `while`, whose turns no shape tells, once.
    What every device computes alike counts for each. Multiplications by the zeros that pad a map count, those by zeros
    between its elements do not. Elementwise arithmetic is left out: norms, activations, and the depthwise filters that
    are written as shifted sums.
    """
    return _of_jaxpr(jax.make_jaxpr(function)(*arguments).jaxpr)


def traced_flops(traced: Traced) -> int:
    """Returns what `count_flops` does, of a call that is traced already."""
    return _of_jaxpr(traced.jaxpr.jaxpr)


def _of_jaxpr(jaxpr: Jaxpr) -> int:
    return sum(_of_equation(equation) for equation in jaxpr.eqns)


def _of_equation(equation: JaxprEqn) -> int:
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        return _of_dot(equation)
    if name == "conv_general_dilated":
        return _of_convolution(equation)
    inner = [_of_jaxpr(jaxpr) for jaxpr in _inner_jaxprs(params)]
    if name == "cond":
        return max(inner)
    if name == "scan":
        return params["length"] * sum(inner)
    if name == "shard_map":  # its body is the work of one device
        return math.prod(params["mesh"].shape[axis] for axis in params["newly_manual_axes"]) * sum(inner)
    if name == "pallas_call":  # its body is one block of the grid
        return math.prod(params["grid_mapping"].grid) * sum(inner)
    return sum(inner)


def _of_dot(equation: JaxprEqn) -> int:
    (contracted, _), _ = equation.params["dimension_numbers"]
    left = _shape(equation.invars[0])
    return 2 * math.prod(_shape(equation.outvars[0])) * math.prod(left[axis] for axis in contracted)


def _of_convolution(equation: JaxprEqn) -> int:
    kernel = _shape(equation.invars[1])
    _, inputs, *window = equation.params["dimension_numbers"].rhs_spec
    taps = kernel[inputs] * math.prod(kernel[axis] for axis in window)
    between = math.prod(equation.params["lhs_dilation"])
    return 2 * math.prod(_shape(equation.outvars[0])) * taps // between


def _shape(variable: Any) -> tuple[int, ...]:
    return variable.aval.shape


def _inner_jaxprs(params: dict[str, Any]) -> Iterator[Jaxpr]:
    for value in params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            if isinstance(item, ClosedJaxpr):
                yield item.jaxpr
            elif isinstance(item, Jaxpr):
                yield item
