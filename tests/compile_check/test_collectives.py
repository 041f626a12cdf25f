from jvlgs_jax.compile_check.collectives import Collective, collectives

# What compilers write, cut to what matters: a TPU's loop whose turns only its condition tells, an operation in three
# stages of one channel, a GPU's operation in two halves, a fusion with an operation inside, and one array in a tuple.
MODULE = """\
HloModule jit_step, is_scheduled=true

%add.1 (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

%condition.1 (state: (s32[], bf16[16,256])) -> pred[] {
  %limit = s32[]{:T(128)} constant(40)
  %state = (s32[], bf16[16,256]) parameter(0)
  ROOT %lt = pred[] compare(%turn, %limit), direction=LT
}

%fused.1 (p: bf16[1,256,128]) -> bf16[1,256,256] {
  %p = bf16[1,256,128]{2,1,0:T(8,128)(2,1)S(1)} parameter(0)
  ROOT %all-gather.1 = bf16[1,256,256]{2,1,0:T(8,128)(2,1)} all-gather(%p), channel_id=9, dimensions={2}
}

%body.1 (state: (s32[], bf16[16,256])) -> (s32[], bf16[16,256]) {
  %start = (bf16[1,256,128]{2,1,0}, u32[]{:S(2)}) fusion(%w), kind=kCustom, calls=%fused.1, backend_config={}
  %all-gather.2 = bf16[1,256,256]{2,1,0:T(8,128)(2,1)} all-gather(%p), channel_id=9, dimensions={2}
  %all-reduce.1 = f32[256,128]{1,0} all-reduce(%dot), channel_id=5, to_apply=%add.1
}

%body.2 (state: (s32[], f32[8])) -> (s32[], f32[8]) {
  %all-reduce.7 = f32[8]{0} all-reduce(%x), channel_id=6, to_apply=%add.1
}

ENTRY %main.6_spmd (param.5: f32[5,256,128], param.4: bf16[16,256]) -> f32[] {
  %while.1 = (s32[]{:T(128)}, bf16[16,256]{1,0}) while(%tuple.1), condition=%condition.1, body=%body.1, metadata={}
  %while.2 = (s32[], f32[8]) while(%t), condition=%c, body=%body.2, backend_config={"known_trip_count":{"n":"3"}}
  %all-reduce.2 = (f32[]{:T(128)}, /*index=1*/bf16[2,3]{1,0}) all-reduce(%l, %g), channel_id=7, to_apply=%add.1
  %reduce-scatter-start = ((f32[64,8]{0,1}), f32[64,4]{0,1}) reduce-scatter-start(%x), channel_id=8, to_apply=%add.1
  %reduce-scatter-done = f32[64,4]{0,1} reduce-scatter-done(%reduce-scatter-start)
  ROOT %result = f32[] multiply(%all-reduce.2, %constant)
}
"""


def test_operations_in_loops_count_as_often_as_the_loops_turn():
    found = {(c.kind, c.dtype): (c.count, c.bytes) for c in collectives(MODULE)}
    assert found == {
        ("all-gather", "bf16"): (40, 40 * 256 * 256 * 2),
        ("all-reduce", "f32"): (40 + 3 + 1, 40 * 256 * 128 * 4 + 3 * 8 * 4 + 4),
        ("all-reduce", "bf16"): (1, 2 * 3 * 2),
        ("reduce-scatter", "f32"): (1, 64 * 4 * 4),
    }


def test_operations_that_share_a_channel_all_count():
    sums = "".join(f"  %all-reduce.{i} = f32[8]{{0}} all-reduce(%x), channel_id=1, to_apply=%add.1\n" for i in range(3))
    (found,) = collectives(f"ENTRY %main (x: f32[8]) -> f32[8] {{\n{sums}}}\n")
    assert (found.count, found.bytes) == (3, 3 * 8 * 4)


def test_a_program_without_any():
    assert collectives("ENTRY %main (x: f32[4]) -> f32[4] {\n  ROOT %y = f32[4]{0} add(%x, %x)\n}\n") == ()


def test_the_order_is_that_of_the_names():
    assert collectives(MODULE)[0] == Collective(kind="all-gather", dtype="bf16", count=40, bytes=5242880)
