"""The tool chain as a module, and the sources that it finds."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load_tool_chain() -> ModuleType:
    """notebooks/build.py, which belongs to no package."""
    if "notebooks_build" not in sys.modules:
        spec = importlib.util.spec_from_file_location("notebooks_build", ROOT / "notebooks" / "build.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["notebooks_build"] = module
        spec.loader.exec_module(module)
    return sys.modules["notebooks_build"]


@pytest.fixture(scope="session")
def build() -> ModuleType:
    return load_tool_chain()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``source`` runs once for each source; one that asks for ``kind``, for student and solution too."""
    tools = load_tool_chain()
    if "source" in metafunc.fixturenames:
        sources = tools.find_sources()
        metafunc.parametrize("source", sources, ids=[source.stem for source in sources])
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", [tools.STUDENT, tools.SOLUTION], ids=["student", "solution"])
