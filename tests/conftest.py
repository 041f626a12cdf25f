"""Settings for every test: the CPU backend, array annotations checked at run time, and flags that Grain can read."""

import atexit
import importlib
import os
import shutil
import tempfile

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Tests compile for long and compute little: an eighth of their time is what LLVM does beyond this level.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")
if "PYTEST_XDIST_WORKER" not in os.environ:
    # All processes of one run of the tests share what they compile; the next run begins with nothing.
    _compiled = tempfile.mkdtemp(prefix="jvlgs_jax_tests_")
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", _compiled)
    atexit.register(shutil.rmtree, _compiled, ignore_errors=True)

import hypothesis
import pytest
from absl import flags
from jaxtyping import install_import_hook

# Before any test imports the package: the hook rewrites modules as they are loaded.
install_import_hook("jvlgs_jax", "beartype.beartype")

# The package's imports from other libraries. The hook looks for the bytecode of all that is imported while it loads a
# module under a name of its own: what it is first to load is compiled from the source.
LIBRARIES = (
    "jax.experimental.pallas.tpu",
    "flax.nnx",
    "grain",
    "optax",
    "orbax.checkpoint.experimental.v1",
    "scipy.fft",
    "scipy.stats",
    "transformers.models.clip.modeling_flax_clip",
)


def pytest_collectstart():
    """Imports them before any test imports the package; only processes that run tests collect them."""
    for name in LIBRARIES:
        importlib.import_module(name)


def pytest_collection_modifyitems(items: list):
    """Files with slow tests come first: so no process is left alone with one of them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


# Grain reads absl flags, which stay unreadable until a main function has parsed them.
flags.FLAGS.mark_as_parsed()

# A first example may compile for seconds; under CI, hypothesis's own profile still fixes the seeds.
hypothesis.settings.register_profile("jvlgs_jax", hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("jvlgs_jax")


@pytest.fixture(scope="module")
def compiled_quickly():
    """Compiles a module's programs without most optimisations: for tests that compile for long and compute little."""
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="session")
def small_family():
    """The one family of simulated clips that tests make: its program is compiled once a session.

    Nothing but gas moves or changes, so that a test can tell what the gas does.
    """
    from jvlgs_jax.simulation.config import CameraConfig, DistractorConfig, PlumeConfig, SimulationConfig

    none = (0.0, 0.0)
    return SimulationConfig(
        frame_count=7,
        size=(96, 96),
        fresh=0.3,
        plume=PlumeConfig(leak_free=0.25, onset=(0.2, 0.3, 0.5), stops=0.0, cell=(1.0, 2.0)),
        distractors=DistractorConfig(clouds=0.0, cloud_shadows=0.0, moving=0.0, sway=none, shimmer=none),
        camera=CameraConfig(
            gain_drift=none,
            level_drift=none,
            shading_drift=none,
            gain_step=0.0,
            vibration=none,
            interlaced=0.0,
            text=0.0,
            codec_step=(0.5, 2.0),
        ),
    )


@pytest.fixture(scope="session")
def small_clips(small_family):
    """Its first 16 clips."""
    import jax
    import jax.numpy as jnp

    from jvlgs_jax.simulation.clip import simulate_batch

    return jax.device_get(simulate_batch(small_family, jnp.arange(16)))


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")  # Playwright's event loop runs as long: other files' tests must not meet it
def browser():
    """A headless Chromium that is on this machine; `apt-get install chromium` brings one to Debian."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser on PATH: looked for {', '.join(BROWSERS)}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # No sandbox, as it does not start for root in a container; what it opens is ours alone.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def grave_violations():
    """Lists what axe-core finds on a page that keeps people out: its serious and critical violations."""
    from axe_playwright_python.sync_playwright import Axe

    def find(page):
        violations = Axe().run(page).response["violations"]
        grave = [violation for violation in violations if violation["impact"] in ("serious", "critical")]
        return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in grave]

    return find
