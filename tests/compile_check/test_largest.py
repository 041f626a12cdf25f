import pytest

from jvlgs_jax.compile_check.largest import largest_that_fits


@pytest.mark.parametrize("start", [1, 32, 64, 500])
@pytest.mark.parametrize(("fixed", "each"), [(0, 100), (3_000, 250), (12_000, 90), (15_000, 999)])
def test_it_is_found_in_few_trials_if_memory_grows_along_a_line(start: int, fixed: int, each: int):
    trials = []

    def needed(number: int) -> int:
        trials.append(number)
        return fixed + each * number

    assert largest_that_fits(needed, 16_000, start) == (16_000 - fixed) // each
    assert len(trials) == len(set(trials)) <= 16


def test_it_is_found_if_memory_grows_in_jumps():
    assert largest_that_fits(lambda number: 1_000 * -(-number // 8), 5_500, 32) == 40


def test_nothing_fits():
    assert largest_that_fits(lambda number: 20_000 + number, 16_000, 8) == 0
