"""``momentor fetch``: a small repository's pack from a folder of wheels, installed without an index; and the command on this repository."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from momentor_lib import cli, paths
from momentor_lib.files import sha256_of
from momentor_lib.offline import make_pack
from momentor_lib.offline.pins import find_wheel, needs, read_pins
from momentor_lib.offline.wheels import reason

PACKAGES = ("tqdm", "filelock")  # pure Python, and no needs of their own here
VERSION = {name: importlib.metadata.version(name) for name in PACKAGES}
PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "momentor"
version = "0.0.7"
requires-python = ">=3.10"
dependencies = ["tqdm>=4"]
[project.optional-dependencies]
more = ["filelock"]
elsewhere = ["nothing; sys_platform == 'amiga'"]
[tool.hatch.build.targets.wheel]
include = ["momentor_lib"]
"""


def as_wheel(package: str, folder: Path) -> Path:
    """An installed package as the wheel that it came from, near enough."""
    files = [file for file in importlib.metadata.files(package) if ".." not in file.parts and "__pycache__" not in file.parts]
    path = folder / f"{package}-{VERSION[package]}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            if file.name == "RECORD":
                archive.writestr(file.as_posix(), "".join(f"{other.as_posix()},,\n" for other in files))
            elif file.name not in ("INSTALLER", "REQUESTED"):
                archive.write(file.locate(), file.as_posix())
    return path


@pytest.fixture
def index(tmp_path, monkeypatch) -> Path:
    """A folder of wheels, and pip told to look there and nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    for package in PACKAGES:
        as_wheel(package, folder)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def root(tmp_path) -> Path:
    """A repository like ours, of a few lines."""
    root = tmp_path / "repository"
    texts = {
        "pyproject.toml": PYPROJECT,
        "constraints.txt": "# all\n" + "".join(f"{name}=={VERSION[name]}\n" for name in PACKAGES) + "old==1 ; python_version < '3'\n",
        "momentor_lib/__init__.py": "import tqdm\n",
        "notebooks/00_first.ipynb": "{}",
        "notebooks/solutions/00_first.ipynb": "{}",
        "notebooks/src/00_first.py": "",
        "checkpoints/tiny/config.json": "{}",
        "data_samples/videos/one.mp4": "video",
        "LICENSE": "licence",
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def make(root: Path, folder: Path, **options):
    steps = []
    pack = make_pack(root, folder, lambda *step: steps.append(step), **options)
    return pack, steps


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


OURS = "wheels/momentor-0.0.7-py3-none-any.whl"
WHEELS = {f"wheels/{name}-{version}-py3-none-any.whl" for name, version in VERSION.items()}


def test_a_pack_sets_up_from_its_folder_alone(root, index, tmp_path, monkeypatch):
    pack, steps = make(root, tmp_path / "pack")
    beside = {"constraints.txt", "LICENSE", "notebooks/00_first.ipynb", "notebooks/solutions/00_first.ipynb"}
    beside |= {"checkpoints/tiny/config.json", "data_samples/videos/one.mp4"}
    script = "install.bat" if os.name == "nt" else "install.sh"
    assert names(pack.folder) == {OURS, "INSTALL.txt", script, "MANIFEST"} | WHEELS | beside
    assert (pack.files, pack.size) == (len(names(pack.folder)), sum((pack.folder / name).stat().st_size for name in names(pack.folder)))
    listed = dict(reversed(line.split("  ")) for line in (pack.folder / "MANIFEST").read_text().splitlines())
    assert listed == {name: sha256_of(pack.folder / name) for name in {OURS} | WHEELS | beside}
    assert steps[-1][:2] == (2, 2) and any(f"tqdm {VERSION['tqdm']}" in text for _, _, text in steps)

    moved = shutil.move(pack.folder, tmp_path / "a stick" / "pack")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    done = subprocess.run(["sh", f"{moved}/install.sh", "class room"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "jupyter lab" in done.stdout, done.stderr
    code = "import momentor_lib, importlib.metadata as m; print(momentor_lib.__file__, m.version('momentor'), m.version('tqdm'))"
    said = subprocess.run([tmp_path / "class room/.venv/bin/python", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert said.stdout.split()[-2:] == ["0.0.7", VERSION["tqdm"]] and "class room" in said.stdout, said.stderr
    assert (tmp_path / "class room/notebooks/00_first.ipynb").read_text() == "{}"


def test_run_again_it_fetches_what_is_missing_or_cut_off_and_nothing_else(root, index, tmp_path):
    folder = tmp_path / "pack"
    first, _ = make(root, folder, extras=[])
    assert [path.name.partition("-")[0] for path in first.wheels.downloaded] == ["tqdm"]
    (folder / "wheels" / ".part").mkdir()  # of a run that was killed
    (folder / "wheels" / ".part" / "half.whl").write_bytes(b"half")
    kept = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name.startswith("tqdm")}
    second, _ = make(root, folder)
    assert [len(second.wheels.present), len(second.wheels.downloaded)] == [1, 1]
    assert {path: path.stat().st_mtime_ns for path in kept} == kept and not (folder / "wheels" / ".part").exists()

    tqdm = next(iter(WHEELS & {name for name in WHEELS if "tqdm" in name}))
    whole = (folder / tqdm).read_bytes()
    (folder / tqdm).write_bytes(whole[: len(whole) // 2])
    third, _ = make(root, folder)
    assert [path.name for path in third.wheels.downloaded] == [Path(tqdm).name] and (folder / tqdm).read_bytes() == whole
    shutil.rmtree(index)  # nothing is asked for where all is there
    assert make(root, folder)[0].wheels.downloaded == []


def test_what_the_repository_changed_is_renewed(root, index, tmp_path):
    folder = tmp_path / "pack"
    make(root, folder)
    (root / "notebooks/00_first.ipynb").write_text('{"new": 1}')
    (root / "pyproject.toml").write_text(PYPROJECT.replace("0.0.7", "0.0.8"))
    make(root, folder)
    assert (folder / "notebooks/00_first.ipynb").read_text() == '{"new": 1}'
    assert [path.name for path in folder.glob("wheels/momentor-*")] == ["momentor-0.0.8-py3-none-any.whl"]
    assert "momentor==0.0.8" in (folder / "INSTALL.txt").read_text()


def test_without_a_network_one_line_and_what_was_fetched_stays(root, index, tmp_path, monkeypatch):
    folder = tmp_path / "pack"
    make(root, folder, extras=[])
    before = names(folder)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port: nobody answers
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(ValueError, match=rf"index could not be reached for filelock=={VERSION['filelock']}.*run the same command again"):
        make(root, folder)
    assert names(folder) == before


def test_without_a_wheel_for_this_platform_the_rest_is_gathered(root, index, tmp_path):
    next(index.glob("tqdm-*")).rename(index / f"tqdm-{VERSION['tqdm']}-cp27-cp27m-win32.whl")
    pack, _ = make(root, tmp_path / "pack")
    assert pack.wheels.missing == [f"tqdm=={VERSION['tqdm']}"]
    assert [path.name.partition("-")[0] for path in pack.wheels.downloaded] == ["filelock"]


def test_an_unknown_extra_is_named(root, index, tmp_path):
    with pytest.raises(ValueError, match="no extra mroe; it has elsewhere, more"):
        make(root, tmp_path / "pack", extras=["mroe"])


def test_a_package_without_a_pin_is_named(root, index, tmp_path):
    (root / "constraints.txt").write_text(f"filelock=={VERSION['filelock']}\n")
    with pytest.raises(ValueError, match=r"tqdm is needed.*renew"):
        make(root, tmp_path / "pack")


def test_a_wheel_counts_where_it_is_whole_and_fits(index):
    version = VERSION["tqdm"]
    assert find_wheel(index, "TQDM", version).name.startswith("tqdm-")
    assert find_wheel(index, "tqdm", "0.1") is None
    (index / f"tqdm-{version}-py3-none-any.whl").rename(index / f"tqdm-{version}+cpu-py3-none-any.whl")
    assert find_wheel(index, "tqdm", version) is not None  # as torch==2.13.0 stands for its build without CUDA too


def test_needs_are_those_of_this_platform_and_of_the_extras(root, index, tmp_path):
    own = next((make(root, tmp_path / "pack")[0].folder / "wheels").glob("momentor-*"))
    assert [str(one) for one in needs(own)] == ["tqdm>=4"]
    assert [one.name for one in needs(own, ["more", "elsewhere"])] == ["tqdm", "filelock"]


def test_pins_are_read_by_platform_and_a_bad_line_is_named(repository, tmp_path):
    pins = read_pins(repository / "constraints.txt")
    assert pins["torch"] == "2.13.0" and len(pins) > 150
    assert ("appnope" in pins) == (sys.platform == "darwin") and ("colorama" in pins) == (sys.platform == "win32")
    (tmp_path / "c.txt").write_text("# words\na==1\nb>=2,<3\n")
    with pytest.raises(ValueError, match="line 3"):
        read_pins(tmp_path / "c.txt")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "no space left for x==1"),
        ("WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(1)'\nERROR: No matching", "NewConnectionError"),
        ("/usr/bin/python3: No module named pip", "-m ensurepip"),
        ("Collecting x\n  ERROR: HTTP error 403 while getting x\nmore", "pip failed for x==1: ERROR: HTTP error 403 while getting x"),
        ("", "it said nothing"),
    ],
)
def test_what_pip_says_becomes_one_line(said, expected, tmp_path):
    line = reason(said, "x==1", tmp_path)
    assert expected in line and "\n" not in line


# the command, on this repository


def test_the_command_gathers_a_part_of_this_repository_s_pack(repository, index, tmp_path, capfd):
    pins = read_pins(repository / "constraints.txt")
    if {name: pins[name] for name in PACKAGES} != VERSION:
        pytest.skip("this environment was not installed by constraints.txt")
    folder = tmp_path / "pack"
    assert cli.main(["fetch", "--offline-pack", str(folder), "--only", "tqdm", "--json"]) == 0
    printed = capfd.readouterr()
    said = json.loads(printed.out)
    assert {name: said[name] for name in ("downloaded", "present", "missing")} == {"downloaded": 1, "present": 0, "missing": []}
    assert said["files"] == len(names(folder)) and said["bytes"] > 10_000_000
    assert {"checkpoints/tiny/model.safetensors", "data_samples/MANIFEST", "notebooks/00_start_here.ipynb"} <= names(folder)
    own = next(folder.glob("wheels/momentor-*"))
    assert {"torch", "jupyterlab"} <= {one.name for one in needs(own)}

    next(index.glob("filelock-*")).unlink()
    assert cli.main(["fetch", "--offline-pack", str(folder), "--only", "tqdm", "--only", "filelock"]) == 1
    printed = capfd.readouterr()
    assert "0 downloaded, 1 there already, 1 not to be had" in printed.out
    assert printed.err.count("\n") == 1 and f"momentor: filelock=={VERSION['filelock']}: the package index has no wheel" in printed.err


def test_an_installation_without_the_repository_says_what_is_needed(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(paths, "_PACKAGE", tmp_path / "site-packages" / "momentor_lib")
    assert cli.main(["fetch", "--offline-pack", str(tmp_path / "pack")]) == 2
    printed = capfd.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1 and "needs a clone of the repository" in printed.err
    assert not (tmp_path / "pack").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--offline-pack"),
        (["--offline-pack", "{file}"], "is a file; name a folder"),
        (["--offline-pack", "{folder}", "--only", "nonsense"], "has no nonsense"),
        (["--offline-pack", "{folder}", "--only", "a b"], "no name of a package"),
    ],
)
def test_mistakes_get_one_line_and_exit_code_2(arguments, words, index, tmp_path, capfd):
    (tmp_path / "file").write_text("")
    given = [argument.format(file=tmp_path / "file", folder=tmp_path / "pack") for argument in arguments]
    assert cli.main(["fetch", *given]) == 2
    printed = capfd.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1 and words in printed.err
