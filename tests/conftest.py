"""Settings for every test: the CPU backend, array annotations checked at run time, and flags that Grain can read."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import hypothesis
from absl import flags
from jaxtyping import install_import_hook

# Before any test imports the package: the hook rewrites modules as they are loaded.
install_import_hook("jvlgs_jax", "beartype.beartype")

# Grain reads absl flags, which stay unreadable until a main function has parsed them.
flags.FLAGS.mark_as_parsed()

# A first example may compile for seconds; under CI, hypothesis's own profile still fixes the seeds.
hypothesis.settings.register_profile("jvlgs_jax", hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("jvlgs_jax")
