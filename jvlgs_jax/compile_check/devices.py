"""Devices that are not here: what JAX needs to know of a target to compile for it."""

import os
from collections.abc import Sequence
from importlib import resources
from importlib.util import find_spec

import jax
from jax.experimental import topologies

from jvlgs_jax.compile_check.targets import CUDA, TPU, Target
from jvlgs_jax.errors import UserError

# Each platform's compiler, as a module and as what brings it.
_COMPILERS = {
    TPU: ("libtpu", "pip install 'jvlgs-jax[tpu]'"),
    CUDA: ("jax_cuda13_plugin", "pip install 'jvlgs-jax[cuda]'"),
}

# Without these, libtpu would look for the machine it runs on, and refuse to be loaded twice.
_TPU_ENVIRONMENT = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}


def target_devices(target: Target) -> Sequence[jax.Device]:
    """Returns the devices of a target, to be compiled for and not run on. This process runs on its CPU from then on.

    UserError if the compiler of their platform is not installed, with the command that installs it.
    """
    module, command = _COMPILERS[target.platform]
    if find_spec(module) is None:
        raise UserError(f"{target.name}: the compiler for it, {module}, is not installed: {command}")
    jax.config.update("jax_platforms", "cpu")
    if target.platform == TPU:
        for name, value in _TPU_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        topology = topologies.get_topology_desc(platform=TPU, topology_name=target.topology, **target.options)
    else:
        description = resources.files("jvlgs_jax.compile_check").joinpath("h100.txtpb").read_text(encoding="utf-8")
        topology = topologies.get_topology_desc(
            platform=CUDA, topology_name="", topology=target.topology, target_config=description
        )
    return topology.devices
