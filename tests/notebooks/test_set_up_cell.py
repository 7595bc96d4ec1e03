"""The set-up cell, on a faked Colab: installs once, does nothing the second time, leaves torch and numpy as they are."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
import types

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
    assert "jupyterlab" not in wanted and "pytest" not in wanted
    exec(build.SETUP, {})
    assert len(pip.calls) == 2


def test_elsewhere_it_says_what_to_do(build, pip, monkeypatch):
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    with pytest.raises(ModuleNotFoundError, match="make lab"):
        exec(build.SETUP, {})
    assert pip.calls == []
