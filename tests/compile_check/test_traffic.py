import jax
import jax.numpy as jnp
import pytest

from jvlgs_jax.compile_check.traffic import Traffic, traffic

# What compilers write, cut to what matters: a fusion that cuts one layer out of a stack and puts its result into
# another stack, both in a loop, an array in fast memory, one with empty lanes, a copy beside other work, and a kernel.
MODULE = """\
HloModule jit_step, is_scheduled=true

%fused.1 (stack: f32[5,8,128], turn: s32[], out: f32[5,8,128]) -> (f32[8,128], f32[5,8,128]) {
  %stack = f32[5,8,128]{2,1,0:T(8,128)} parameter(0)
  %turn = s32[]{:T(128)S(6)} parameter(1)
  %out = f32[5,8,128]{2,1,0:T(8,128)} parameter(2)
  %layer = f32[1,8,128]{2,1,0:T(8,128)} dynamic-slice(%stack, %turn, %zero, /*index=3*/%zero)
  %alone = f32[8,128]{1,0:T(8,128)} bitcast(%layer)
  %sine = f32[1,8,128]{2,1,0:T(8,128)} sine(%layer)
  %put = f32[5,8,128]{2,1,0:T(8,128)} dynamic-update-slice(%out, %sine, %turn, %zero, %zero)
  ROOT %both = (f32[8,128]{1,0:T(8,128)}, f32[5,8,128]{2,1,0:T(8,128)}) tuple(%alone, %put)
}

%body.1 (state: (s32[], f32[5,8,128], f32[5,8,128])) -> (s32[], f32[5,8,128], f32[5,8,128]) {
  %state = (s32[], f32[5,8,128]{2,1,0}, f32[5,8,128]{2,1,0}) parameter(0)
  %n = s32[]{:T(128)S(6)} get-tuple-element(%state), index=0
  %a = f32[5,8,128]{2,1,0:T(8,128)} get-tuple-element(%state), index=1
  %b = f32[5,8,128]{2,1,0:T(8,128)} get-tuple-element(%state), index=2
  ROOT %step = (f32[8,128]{1,0:T(8,128)}, f32[5,8,128]{2,1,0:T(8,128)}) fusion(%a, %n, %b), kind=kLoop, calls=%fused.1
}

ENTRY %main (x: bf16[16,64], y: bf16[16,128]) -> bf16[16,128] {
  %x = bf16[16,64]{1,0:T(8,128)(2,1)} parameter(0)
  %y = bf16[16,128]{1,0:T(8,128)(2,1)} parameter(1)
  %loop = (s32[], f32[5,8,128]) while(%t), condition=%c, body=%body.1, backend_config={"known_trip_count":{"n":"5"}}
  %start = (bf16[16,64]{1,0:T(8,128)(2,1)S(1)}, bf16[16,64]{1,0:T(8,128)(2,1)}, u32[]{:S(2)}) copy-start(%x)
  %near = bf16[16,64]{1,0:T(8,128)(2,1)S(1)} copy-done(%start)
  %more = bf16[16,64]{1,0:T(8,128)(2,1)} negate(%near)
  ROOT %kernel = bf16[16,128]{1,0:T(8,128)(2,1)} custom-call(%near, %y), custom_call_target="tpu_custom_call"
}
"""
LAYER = 8 * 128 * 4
PADDED = 16 * 128 * 2  # 64 of 128 lanes hold something


def test_loops_turn_parts_count_as_parts_fast_memory_is_free_and_kernels_are_counted_apart():
    a_turn = LAYER + 2 * LAYER  # one layer read and returned, one written into its place
    assert traffic(MODULE) == Traffic(outside=5 * a_turn + PADDED + PADDED, kernels=2 * 16 * 128 * 2)


def test_text_that_is_cut_anywhere_is_no_error():
    whole_stacks = 5 * (2 * 5 + 6) * LAYER  # where what a fusion does with its arrays cannot be told
    lines = MODULE.splitlines(keepends=True)
    for n in range(len(lines)):
        without = traffic("".join(lines[:n] + lines[n + 1 :]))
        assert 0 <= without.outside <= whole_stacks + 2 * PADDED


def compiled(function, *arrays) -> Traffic:
    return traffic(jax.jit(function).lower(*arrays).compile().as_text() or "")


def test_a_product_reads_its_factors_and_writes_itself():
    a, b = jnp.zeros((96, 64)), jnp.zeros((64, 32))
    assert compiled(jnp.matmul, a, b).outside == 4 * (96 * 64 + 64 * 32 + 96 * 32)


@pytest.mark.parametrize("layers", [3, 12])
def test_a_loop_over_layers_reads_each_layer_once(layers: int):
    def network(weights, x):
        return jax.lax.scan(lambda x, w: (jnp.tanh(x @ w), None), x, weights)[0]

    one = 64 * 64 * 4
    moved = compiled(network, jnp.zeros((layers, 64, 64)), jnp.zeros((64, 64))).outside
    # Of a layer at least: its weights and the map are read, and a map is written; were the whole stack read each time,
    # that alone would be layers times as much.
    assert 3 * layers * one <= moved <= 12 * layers * one
