from collections.abc import Callable
from pathlib import Path

import pytest

from jvlgs_jax.sweeps.trials import Sweep, expand

HEADER = "from jvlgs_jax.experiment import default_config as get_config\n"


@pytest.fixture
def sweep_of(tmp_path: Path) -> Callable[..., Sweep]:
    """Expands a config file whose sweep() yields what it is given."""

    def make(*settings: object, overrides: tuple[str, ...] = ()) -> Sweep:
        config = tmp_path / "config.py"
        config.write_text(f"{HEADER}\ndef sweep():\n    yield from {list(settings)!r}\n")
        return expand(config, tmp_path / "runs", overrides=overrides)

    return make
