"""The doctor finds what is wrong, says what mends it, and its command's exit code follows."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple

import psutil
import pytest

from momentor_lib import cli, doctor
from momentor_lib.doctor import Check


def test_this_machine_is_ready():
    checks = {check.name: check for check in doctor.examine()}
    assert list(checks) == ["Python", "memory", "disk", "torch", "PyAV", "decord", "notebooks", "tiny model"]
    assert [check for check in checks.values() if check.status == "FAIL"] == []
    assert checks["PyAV"].status == checks["tiny model"].status == "OK"
    assert all(bool(check.fix) == (check.status != "OK") for check in checks.values())


@pytest.fixture
def found(monkeypatch):
    """Lets the doctor find what a test says."""

    def say(*checks: Check) -> None:
        monkeypatch.setattr(doctor, "examine", lambda: list(checks))

    return say


GOOD = Check("torch", "OK", "2.13.0")
POOR = Check("memory", "WARN", "1.0 GiB free", "close other programs")
BAD = Check("PyAV", "FAIL", "does not import", "pip install av")


def test_prints_status_and_fix(found, capsys):
    found(GOOD, POOR, BAD)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "[OK]   torch: 2.13.0",
        "[WARN] memory: 1.0 GiB free",
        "       fix: close other programs",
        "[FAIL] PyAV: does not import",
        "       fix: pip install av",
    ]


def test_json_and_exit_code(found, capsys):
    found(GOOD, BAD)
    assert cli.main(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "ready": False,
        "checks": [
            {"name": "torch", "status": "OK", "detail": "2.13.0", "fix": ""},
            {"name": "PyAV", "status": "FAIL", "detail": "does not import", "fix": "pip install av"},
        ],
    }
    found(GOOD, POOR)
    assert cli.main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ready"] is True


def test_an_old_python_fails(monkeypatch):
    monkeypatch.setattr(doctor, "MINIMUM_PYTHON", (4, 2))
    check = doctor.check_python()
    assert (check.status, check.fix) == ("FAIL", "install Python 4.2 or newer")


def test_little_memory_and_little_disk_warn(monkeypatch):
    memory, disk = namedtuple("memory", "available"), namedtuple("disk", "free")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory(2**30))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk(2**29))
    assert (doctor.check_memory().status, doctor.check_memory().detail) == ("WARN", "1.0 GiB free")
    assert (doctor.check_disk().status, doctor.check_disk().detail) == ("WARN", "0.5 GiB free here")


def test_missing_notebook_parts_are_named(monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda package: None if package == "ipywidgets" else "1.0")
    check = doctor.check_notebooks()
    assert (check.status, check.detail, check.fix) == ("WARN", "missing: ipywidgets", "pip install ipywidgets")


def test_a_torchvision_that_does_not_import_fails(monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: name == "torchvision")
    monkeypatch.setattr(doctor, "_imports", lambda name: False)
    check = doctor.check_torch()
    assert check.status == "FAIL"
    assert "pip uninstall torchvision" in check.fix


def test_a_reader_that_does_not_import(monkeypatch):
    def missing(*_, **__):
        raise ImportError("No module named 'decord'")

    monkeypatch.setattr("momentor_lib.video.load_video", missing)
    assert doctor.check_reader("decord").status == "WARN"
    assert doctor.check_reader("pyav").status == "FAIL"


def test_a_reader_that_returns_nonsense_fails(monkeypatch):
    from momentor_lib.video import load_video

    def black(*arguments, **options):
        frames = load_video(*arguments, **options)
        frames.pixels[:] = 0
        return frames

    monkeypatch.setattr("momentor_lib.video.load_video", black)
    assert doctor.check_reader("pyav").status == "FAIL"


def test_a_missing_checkpoint_fails_with_its_fix(monkeypatch):
    def missing(relative):
        raise FileNotFoundError(f"{relative} is not there")

    monkeypatch.setattr(doctor, "shipped", missing)
    check = doctor.check_model()
    assert check.status == "FAIL"
    assert "make tiny" in check.fix


def test_a_check_that_dies_is_a_failed_check(monkeypatch):
    def die():
        raise RuntimeError("undefined\nsymbol")

    monkeypatch.setattr(doctor, "check_torch", die)
    check = next(check for check in doctor.examine() if check.name == "torch")
    assert (check.status, check.detail, check.fix) == ("FAIL", "RuntimeError: undefined symbol", doctor.INSTALL)
