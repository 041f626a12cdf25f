import os

import pytest

from jvlgs_jax.data.printable import printable


@pytest.mark.parametrize(("name", "shown"), [(b"caf\xe9.mp4", "caf\ufffd.mp4"), ("süd/1.mp4".encode(), "süd/1.mp4")])
def test_bytes_that_are_no_text_are_replaced(name, shown):
    assert printable(os.fsdecode(name)) == shown
