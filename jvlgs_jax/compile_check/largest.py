"""The largest number that fits, found with few trials as each costs minutes."""

from collections.abc import Callable


def largest_that_fits(needed: Callable[[int], int], capacity: int, start: int) -> int:
    """Returns the largest number, from 0, for which `needed` is at most `capacity`; it is taken to grow.

    A line through the nearest trials on either side of the limit says what is tried next. Memory grows nearly along
    one, so that a handful of trials does; where they come no nearer, the middle is tried.
    """
    number = max(start, 1)
    low, low_need = 0, 0
    need = needed(number)
    while need <= capacity:
        low, low_need = number, need
        number = max(low + 1 + low // 4, min(2 * low, low * capacity // max(need, 1)))
        need = needed(number)
    high, high_need = number, need
    halved = True
    while high - low > 1:
        gap = high - low
        crossing = low + gap * (capacity - low_need) // max(high_need - low_need, 1)
        number = min(max(crossing, low + 1), high - 1) if halved else low + gap // 2
        need = needed(number)
        if need <= capacity:
            low, low_need = number, need
        else:
            high, high_need = number, need
        halved = high - low <= gap // 2
    return low
