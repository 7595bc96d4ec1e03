"""The wheel, installed in an environment of its own, works outside the repository: the shipped model and samples come along."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(repository, tmp_path_factory) -> Path:
    """The wheel, built from the repository."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)], cwd=repository, check=True, timeout=120)
    [path] = out.glob("momentor-*.whl")
    return path


@pytest.fixture(scope="module")
def binaries(wheel, tmp_path_factory) -> Path:
    """The programs of a clean environment with the wheel; it borrows this one's other packages, torch among them."""
    place = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(place, with_pip=False)
    programs = place / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(pip, check=True, timeout=120)
    [packages] = {p.parent for p in place.rglob("momentor_lib")}
    # A folder that a .pth file names does not have its own .pth files read, so an editable install there stays out.
    (packages / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return programs


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([str(c) for c in command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_holds_the_package_the_checkpoint_and_the_samples(wheel, repository):
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
        manifest = archive.read("momentor_lib/_shipped/data_samples/MANIFEST").decode()
        for line in manifest.splitlines():
            digest, name = line.split()
            assert hashlib.sha256(archive.read(f"momentor_lib/_shipped/data_samples/{name}")).hexdigest() == digest
    for folder, prefix in (
        ("momentor_lib", ""),
        ("checkpoints", "momentor_lib/_shipped/"),
        ("data_samples", "momentor_lib/_shipped/"),
    ):
        files = [p for p in (repository / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts]
        assert files
        assert {prefix + p.relative_to(repository).as_posix() for p in files} <= inside
    tops = {name.split("/")[0] for name in inside}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"momentor_lib"}


def test_the_clean_environment_does_not_see_the_repository(binaries, repository, tmp_path):
    code = "import momentor_lib; print(momentor_lib.__file__); print(momentor_lib.shipped('checkpoints/tiny'))"
    done = run(binaries / "python", "-c", code, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        assert Path(line).is_relative_to(binaries.parent)
        assert not Path(line).is_relative_to(repository)


def test_grounds_a_shipped_video_with_the_shipped_model(binaries, tmp_path):
    samples = next(binaries.parent.rglob("_shipped/data_samples"))
    sample = json.loads((samples / "annotations.jsonl").read_text().splitlines()[0])
    query = sample["queries"][0]["query"]
    done = run(binaries / "momentor", "ground", samples / sample["path"], query, "--json", "--png", "out.png", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["moments"]
    assert all(0 <= m["start"] <= m["end"] <= document["duration"] for m in document["moments"])
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
