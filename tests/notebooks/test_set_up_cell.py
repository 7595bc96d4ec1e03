"""The set-up cell, on a faked Colab: installs once, does nothing the second time, leaves torch and numpy as they are.

What it tells pip, and then pip itself in an environment of its own.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import shutil
import subprocess
import sys
import types

import fake_colab
import pytest


class FakePip:
    """Stands in for subprocess.run and importlib.util.find_spec: nothing is installed until pip was told to."""

    def __init__(self):
        self.calls = []
        self.find_spec = importlib.util.find_spec

    def run(self, command, check):
        assert check and command[:4] == [sys.executable, "-m", "pip", "install"]
        self.calls.append(command[4:])

    def find(self, name, package=None):
        return None if name == "momentor_lib" and not self.calls else self.find_spec(name, package)


@pytest.fixture
def pip(monkeypatch):
    fake = FakePip()
    monkeypatch.setattr(subprocess, "run", fake.run)
    monkeypatch.setattr(importlib.util, "find_spec", fake.find)
    return fake


def test_does_nothing_where_the_package_is_installed(build, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("nothing should be installed"))
    exec(build.SETUP, {})
    exec(build.SETUP, {})


def test_installs_once_on_colab_and_keeps_torch_and_numpy(build, pip, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    exec(build.SETUP, {})
    own, rest = pip.calls
    assert "--no-deps" in own and own[-1] == f"git+https://github.com/{build.REPOSITORY}"
    for name in ("torch", "numpy"):
        assert f"{name}=={importlib.metadata.version(name)}" in rest
    assert not {"--upgrade", "-U", "--force-reinstall"} & set(own + rest)
    wanted = " ".join(rest)
    assert "msgspec" in wanted and "av>=" in wanted
    assert "jupyterlab" not in wanted and "ipywidgets" not in wanted and "pytest" not in wanted
    exec(build.SETUP, {})
    assert len(pip.calls) == 2


def test_elsewhere_it_says_what_to_do(build, pip, monkeypatch):
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    with pytest.raises(ModuleNotFoundError, match="make lab"):
        exec(build.SETUP, {})
    assert pip.calls == []


@pytest.fixture(scope="module")
def colab(repository, build, tmp_path_factory):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    return fake_colab.make(tmp_path_factory.mktemp("colab"), repository, f"https://github.com/{build.REPOSITORY}")


TOLD = """
import importlib.metadata, json, momentor_lib
versions = {found.metadata["Name"]: found.version for found in importlib.metadata.distributions()}
print(json.dumps([momentor_lib.__file__, versions]))
"""


def test_pip_itself_installs_once_and_leaves_colabs_own_alone(build, colab):
    empty = colab.state()
    first = colab.run(f"import google.colab\nfor _ in range(2):\n    exec({build.SETUP!r}, {{}})\n{TOLD}")
    assert first.returncode == 0, first.stderr
    assert first.stderr == ""
    place, versions = json.loads(first.stdout)
    assert place.startswith(str(colab.packages))  # the kernel that installed it finds it, without a restart
    own = fake_colab.PREINSTALLED
    assert {name: versions[name] for name in own} == own
    # The newest of these two would have taken a newer torch and numpy along.
    assert versions["transformers"] == versions["scipy"] == fake_colab.NEW
    assert versions["av"] == versions["tokenizers"] == fake_colab.NEWEST
    assert "jupyterlab" not in versions and "pytest" not in versions
    installed = colab.state()
    assert empty.items() <= installed.items()

    second = colab.run(f"import google.colab\nexec({build.SETUP!r}, {{}})\n{TOLD}", online=False)
    assert (second.returncode, second.stderr, second.stdout) == (0, "", first.stdout)
    assert colab.state() == installed
