from jvlgs_jax.training.chips import CHIPS, chip_of_kind


def test_chips_are_found_by_what_jax_calls_them():
    assert chip_of_kind("TPU v5 lite") is CHIPS["v5e"]
    assert chip_of_kind("cpu") is None


def test_no_two_chips_share_a_kind():
    assert len({chip.kind for chip in CHIPS.values()}) == len(CHIPS)
