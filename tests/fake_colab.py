"""A Colab without a network: an environment with ``google.colab``, torch and numpy of its own, wheels in a folder, the repository in git.

The packages are empty stand-ins with real metadata, so that pip itself resolves, builds and installs, in seconds.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pip
from packaging.requirements import Requirement

PREINSTALLED = {"torch": "2.9.0+cu126", "numpy": "2.0.2", "ipywidgets": "7.7.1"}  # as on Colab: a build of its own, an old front end
NEW, NEWEST = "98.0", "99.0"
BACKEND = "hatchling"
PARTS = ("pyproject.toml", "README.md", "LICENSE", "momentor_lib", "checkpoints/tiny", "data_samples/annotations.jsonl")


@dataclass(frozen=True)
class Colab:
    """The environment's Python, where its packages lie, and the variables that stand for its network."""

    python: Path
    packages: Path
    variables: dict[str, str]

    def run(self, code: str, *, online: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs code in a fresh process; not online, pip finds neither a wheel nor the repository."""
        variables = self.variables if online else {**self.variables, "PIP_FIND_LINKS": "", "GIT_CONFIG_COUNT": "0"}
        return subprocess.run([self.python, "-c", code], env=variables, cwd=self.packages, capture_output=True, text=True, timeout=300)

    def state(self) -> dict[str, tuple[int, str]]:
        """Each installed file: when it was written, and a digest of it."""
        files = (path for path in self.packages.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {
            path.relative_to(self.packages).as_posix(): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
            for path in files
        }


def make(place: Path, repository: Path, address: str) -> Colab:
    """A fresh environment in ``place``, in which ``address`` leads to a copy of the repository as it is now."""
    venv.create(place / "venv", with_pip=False)
    programs = place / "venv" / ("Scripts" if os.name == "nt" else "bin")
    find = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(subprocess.run([programs / "python", "-c", find], check=True, capture_output=True, text=True).stdout.strip())
    (packages / "google" / "colab").mkdir(parents=True)
    (packages / "google" / "colab" / "__init__.py").touch()
    wheels = make_wheels(place / "wheels")
    for name, version in PREINSTALLED.items():
        with zipfile.ZipFile(wheel(place, name, version)) as archive:
            archive.extractall(packages)
    tools = place / "tools"
    tools.mkdir()
    shutil.copytree(Path(pip.__file__).parent, tools / "pip", ignore=shutil.ignore_patterns("__pycache__"))
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "GIT_", "VIRTUAL_ENV"))}
    variables |= {
        "PYTHONPATH": str(tools),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{make_repository(place / 'repository', repository).as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": address,
    }
    return Colab(programs / "python", packages, variables)


def make_repository(place: Path, repository: Path) -> Path:
    """The files that a wheel is built from, in a git repository; without the weights, which take longest."""
    for part in PARTS:
        (place / part).parent.mkdir(parents=True, exist_ok=True)
        if (repository / part).is_dir():
            shutil.copytree(repository / part, place / part, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
        else:
            shutil.copy(repository / part, place / part)
    author = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "-A", "-f"], [*author, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *command], cwd=place, check=True, capture_output=True)
    return place


def make_wheels(folder: Path) -> Path:
    """A wheel of everything that momentor needs, and of what builds it.

    Each is there in two versions, and of two the newest would take a newer torch or numpy along.
    """
    folder.mkdir()
    pack_with_needs(folder, BACKEND)  # what momentor and its build both need stays the real one: an empty one could not build
    real = {path.name.partition("-")[0] for path in folder.iterdir()}
    greedy = {"transformers": f"torch>={NEWEST}", "scipy": f"numpy>={NEWEST}"}
    for line in importlib.metadata.requires("momentor") or []:
        name = Requirement(line).name
        if "extra ==" not in line and name.replace("-", "_") not in real:
            wheel(folder, name, NEW)
            wheel(folder, name, NEWEST, greedy.get(name))
    return folder


def wheel(folder: Path, name: str, version: str, requirement: str | None = None) -> Path:
    """An empty package of this name."""
    module = name.replace("-", "_")
    about = f"{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (f"Requires-Dist: {requirement}\n" if requirement else "")
    contents = {
        f"{module}/__init__.py": f'__version__ = "{version}"\n',
        f"{about}/METADATA": metadata,
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for place, text in contents.items():
            archive.writestr(place, text)
        archive.writestr(f"{about}/RECORD", "".join(f"{place},,\n" for place in [*contents, f"{about}/RECORD"]))
    return path


def pack_with_needs(folder: Path, name: str) -> None:
    """The wheel of an installed package of plain Python, and of all that it needs."""
    distribution = importlib.metadata.distribution(name)
    path = folder / f"{distribution.metadata['Name'].replace('-', '_')}-{distribution.version}-py3-none-any.whl"
    if path.exists():
        return
    with zipfile.ZipFile(path, "w") as archive:
        for file in distribution.files or []:
            if not {"..", "__pycache__", "INSTALLER", "REQUESTED", "direct_url.json"} & set(file.parts):
                archive.write(file.locate(), file.as_posix())
    for line in distribution.requires or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            pack_with_needs(folder, requirement.name)
