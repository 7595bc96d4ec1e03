"""The public names, the shipped files, and files that are whole or not there."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

import momentor_lib
from momentor_lib.files import atomic_path, write_whole
from momentor_lib.paths import shipped


def test_every_public_name_is_there():
    assert len(momentor_lib.__all__) <= 15
    for name in momentor_lib.__all__:
        assert getattr(momentor_lib, name) is not None
    assert set(momentor_lib.__all__) <= set(dir(momentor_lib))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Predictr"):
        _ = momentor_lib.Predictr


def test_importing_the_package_imports_nothing_heavy():
    heavy = "{'torch', 'transformers', 'numpy', 'av', 'matplotlib', 'typer'}"
    code = f"import sys, momentor_lib; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_the_version_is_the_package_s_own(repository):
    assert f'\nversion = "{momentor_lib.__version__}"\n' in (repository / "pyproject.toml").read_text()


def test_shipped_finds_the_repository_s_files(repository):
    assert shipped("data_samples") == repository / "data_samples"
    with pytest.raises(FileNotFoundError, match="checkpoints/none"):
        shipped("checkpoints/none")


def test_the_demo_asks_about_what_its_video_shows(repository):
    makefile = (repository / "Makefile").read_text()
    queries = re.findall(r"^QUERY_\d = (.*)$", makefile, re.MULTILINE)
    [video] = re.findall(r"^SAMPLE = data_samples/(.*)$", makefile, re.MULTILINE)
    samples = [json.loads(line) for line in (repository / "data_samples" / "annotations.jsonl").read_text().splitlines()]
    [sample] = [sample for sample in samples if sample["path"] == video]
    assert len(queries) == 2
    assert set(queries) <= {query["query"] for query in sample["queries"]}


def test_a_file_appears_whole(tmp_path):
    target = tmp_path / "new" / "out.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
        assert temporary.suffix == ".txt"
        assert temporary.parent == target.parent
    assert target.read_text() == "half"
    write_whole(target, "é\r\n")
    assert target.read_bytes() == b"\xc3\xa9\r\n"
    write_whole(target, b"\x00")
    assert target.read_bytes() == b"\x00"


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert [p.name for p in tmp_path.iterdir()] == ["out.txt"]
    assert target.read_text() == "old"


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError, match="name a file in it"):
        write_whole(tmp_path, "x")
