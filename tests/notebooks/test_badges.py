"""The repository's address: in one place, and from there in every badge and link. On a copy of the repository's own files."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

OTHER = "some-school/video.course"


@pytest.fixture
def copy(repository, tmp_path) -> Path:
    """What holds the address, copied, so that the tests may change it."""
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md", "TROUBLESHOOTING.md"):
        shutil.copy(repository / name, tmp_path)
    shutil.copytree(repository / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def badges(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", str(folder / "notebooks" / "badges.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_all_places_agree(repository):
    done = badges(repository, "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_new_address_goes_everywhere_once_and_the_old_one_brings_all_back(build, copy):
    before = contents(copy)
    assert badges(copy, "--repository", OTHER).returncode == 0
    after = contents(copy)
    assert not [name for name, content in after.items() if re.search(rf"github(\.com)?/{build.REPOSITORY}\b".encode(), content)]
    notebooks = [name for name in after if name.endswith(".ipynb")]
    assert len(notebooks) == 2 * len(build.find_sources())
    for name in notebooks:
        cells = json.loads(after[name])["cells"]
        assert f"/github/{OTHER}/blob/main/{name})" in "".join(cells[0]["source"])
        assert f"git+https://github.com/{OTHER}" in "".join(cells[1]["source"])
        assert [cell.get("outputs") for cell in cells] == [cell.get("outputs") for cell in json.loads(before[name])["cells"]]
    assert f"/github/{OTHER}/blob/main/notebooks/00_start_here.ipynb" in after["README.md"].decode()
    stale = subprocess.run([sys.executable, "-B", "notebooks/build.py", "--check"], cwd=copy, capture_output=True, text=True, timeout=120)
    assert stale.returncode == 0, stale.stdout

    again = badges(copy)
    assert again.returncode == 0 and again.stdout == "all places agree\n" and contents(copy) == after
    assert badges(copy, "--repository", build.REPOSITORY).returncode == 0
    assert contents(copy) == before


@pytest.mark.parametrize("name", ["README.md", "notebooks/01_frame_extraction.ipynb", "notebooks/solutions/01_frame_extraction.ipynb"])
def test_a_place_that_does_not_agree_is_named(build, copy, name):
    path = copy / name
    path.write_text(path.read_text(encoding="utf-8").replace(f"github/{build.REPOSITORY}/", f"github/{OTHER}/", 1), encoding="utf-8")
    done = badges(copy, "--check")
    assert done.returncode == 1 and name in done.stdout.splitlines() and "make badges" in done.stdout
    assert badges(copy).returncode == 0 and badges(copy, "--check").returncode == 0


@pytest.mark.parametrize("address", ["https://github.com/a/b", "a", "a/b/c", "a b/c"])
def test_what_is_no_address_changes_nothing(copy, address):
    before = contents(copy)
    done = badges(copy, "--repository", address)
    assert done.returncode == 2 and "owner/name" in done.stderr
    assert contents(copy) == before


def test_make_hands_the_address_over(repository):
    shown = subprocess.run(
        ["make", "--dry-run", "badges", f"REPOSITORY={OTHER}"], cwd=repository, capture_output=True, text=True, timeout=60
    )
    assert f'badges.py --repository "{OTHER}"' in shown.stdout
