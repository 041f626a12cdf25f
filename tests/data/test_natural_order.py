from hypothesis import given
from hypothesis import strategies as st

from jvlgs_jax.data.natural_order import natural_key


def test_simgas_order():
    names = ["10", "2_human", "15_crowd", "1", "3_bats", "2", "15", "3"]
    assert sorted(names, key=natural_key) == ["1", "2", "2_human", "3", "3_bats", "10", "15", "15_crowd"]


@given(st.lists(st.integers(0, 10**6), min_size=2))
def test_numbers_sort_as_numbers(numbers):
    names = [f"frame_{n}.png" for n in numbers]
    assert sorted(names, key=natural_key) == [f"frame_{n}.png" for n in sorted(numbers)]


@given(st.lists(st.text(max_size=8), min_size=2))
def test_any_names_can_be_sorted(names):
    sorted(names, key=natural_key)
