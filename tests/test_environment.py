"""environment.yml, pyproject.toml and constraints.txt name the same things once each; README's picture is what it says."""

from __future__ import annotations

import re

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from PIL import Image

from momentor_lib.offline.pins import read_pins


@pytest.fixture(scope="module")
def pyproject(repository) -> str:
    return (repository / "pyproject.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def requirements(pyproject) -> list[Requirement]:
    """All that pyproject.toml asks for, extras included."""
    project = pyproject.partition("\n[project]\n")[2].partition("\n[project.scripts]\n")[0]
    needed = re.search(r"^dependencies = \[\n(.*?)^\]", project, re.MULTILINE | re.DOTALL)[1]
    extras = project.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    return [Requirement(text) for text in re.findall(r'"([A-Za-z][^"]*)"', needed + extras)]


@pytest.fixture(scope="module")
def environment(repository) -> dict:
    return yaml.safe_load((repository / "environment.yml").read_text(encoding="utf-8"))


def test_the_conda_environment_installs_the_package_by_the_constraints(environment, repository):
    *conda, pip = environment["dependencies"]
    assert environment["name"] == "momentor" and [re.split("[=<>]", name)[0] for name in conda] == ["python", "pip"]
    first, *rest = pip["pip"]
    assert first == f"torch=={read_pins(repository / 'constraints.txt')['torch']}"
    assert rest == ["--constraint constraints.txt", "--editable ."]  # whatever else is needed stands in pyproject.toml


def test_its_python_is_one_that_the_package_takes(environment, pyproject):
    version = environment["dependencies"][0].partition("=")[2].lstrip("=")
    assert version in SpecifierSet(re.search(r'^requires-python = "(.+)"$', pyproject, re.MULTILINE)[1])


def test_each_requirement_has_a_version_that_its_bounds_take(requirements, repository):
    pins = read_pins(repository / "constraints.txt")
    here = [one for one in requirements if one.marker is None or one.marker.evaluate()]
    assert len(here) > 25
    wrong = [str(one) for one in here if pins.get(canonicalize_name(one.name)) not in one.specifier]
    assert wrong == []


def test_readme_s_picture_is_that_of_the_demo_and_small(repository):
    picture = repository / "docs" / "timeline.png"
    assert picture.stat().st_size <= 200_000
    makefile = (repository / "Makefile").read_text()
    sample, query = (re.search(rf"^{name} = (.+)$", makefile, re.MULTILINE)[1] for name in ("SAMPLE", "QUERY_1"))
    with Image.open(picture) as image:
        assert image.format == "PNG" and image.info["Title"] == f"“{query}”"
    command = f'momentor ground {sample} "{query}" --png docs/timeline.png'
    for page in ("README.md", "CONTRIBUTING.md"):
        assert command in (repository / page).read_text(encoding="utf-8"), page
