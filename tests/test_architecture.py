"""The rules of docs/architecture.md, read from the document and held against the source."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jvlgs_jax"
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 400
SLOW_IMPORTS = {"tensorflow", "torch", "clu"}


def rooms_in_order() -> list[str]:
    """The first column of the document's first table: `jvlgs_jax/data/` is "data", `jvlgs_jax/errors.py` "errors"."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    return re.findall(r"^\| `jvlgs_jax/(\w+)(?:/|\.py)` \|", text, re.MULTILINE)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str | None:
    """The room of a module of the package; None for the package itself and its `__main__`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] != "__main__" else None


MODULES = {module_name(path): path for path in FILES}


def imported_modules(tree: ast.AST) -> set[str]:
    """Every module that the code imports, absolute names; `from a import b` counts as a.b where that is a module."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the import with its full name"
            assert node.module is not None
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {member if member in MODULES else node.module for member in members}
    return names


def imports_at_load(tree: ast.Module) -> set[str]:
    """What importing the file imports: all but the bodies of functions."""
    outside = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(child) for function in outside for child in ast.walk(function)}
    kept = [node for node in ast.walk(tree) if id(node) not in inside and isinstance(node, ast.Import | ast.ImportFrom)]
    return imported_modules(ast.Module(body=kept, type_ignores=[]))


def imports_within_package(path: Path) -> set[str]:
    return {name for name in imported_modules(ast.parse(path.read_text())) if name.split(".")[0] == PACKAGE.name}


def test_the_document_lists_every_room_once():
    rooms = rooms_in_order()
    there = {room_of(module) for module in MODULES} - {None}
    assert len(rooms) == len(set(rooms))
    assert there <= set(rooms), f"no row in docs/architecture.md for {sorted(there - set(rooms))}"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_flow_from_the_rooms_above(path: Path):
    rooms = rooms_in_order()
    own = room_of(module_name(path))
    above = set(rooms if own is None else rooms[: rooms.index(own) + 1])
    for name in imports_within_package(path):
        room = room_of(name)
        assert room is None or room in above, f"{path.name} of {own}/ imports {name}, from a room below it"


def test_no_import_cycle():
    graph = {module: imports_within_package(path) - {module} for module, path in MODULES.items()}
    list(TopologicalSorter(graph).static_order())  # CycleError names the modules of a cycle


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_a_file_is_one_thing(path: Path):
    assert len(path.read_text().splitlines()) < MAX_LINES
    assert not {"utils", "util", "helpers", "misc", "common"} & set(path.relative_to(PACKAGE).with_suffix("").parts)


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_optional_and_slow_packages_stay_out_of_the_top_level(path: Path):
    loaded = {name.split(".")[0] for name in imports_at_load(ast.parse(path.read_text()))}
    assert not loaded & SLOW_IMPORTS


def loaded_by(modules: list[str]) -> set[str]:
    """The top-level packages in memory after a fresh interpreter imported `modules`."""
    program = f"import sys, {', '.join(modules)}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.slow
def test_no_module_brings_in_tensorflow():
    everything = [module for module in MODULES if module != "jvlgs_jax.__main__"]
    assert not loaded_by(everything) & {"tensorflow", "clu"}


def test_the_data_room_needs_no_deep_learning_framework_but_jax():
    assert not loaded_by(["jvlgs_jax.data.batches"]) & {"tensorflow", "torch", "clu", "flax"}


def test_datasets_folder_hides_no_installed_package():
    # With an __init__.py, a checkout on sys.path would shadow Hugging Face's `datasets`; without, it never can.
    assert not (ROOT / "datasets" / "__init__.py").exists()
