"""How long videos are, from tables, features and videos."""

from __future__ import annotations

import numpy as np
import pytest

from momentor_lib.data.durations import collect_durations, read_durations
from momentor_lib.data.features import uniform_features, write_features


def test_tables_of_durations(tmp_path):
    path = tmp_path / "table"
    for text in ('id,script,length\nA,"two\nlines, a comma",16.62\nB,,3\n', '{"A": 16.62, "B": {"duration": 3}}'):
        path.write_text(text)
        assert read_durations(path) == {"A": 16.62, "B": 3.0}
    wrong = {
        "id,length\nA,long": "line 2: 'long' is no duration",
        '{"A": -1}': "video 'A': '-1' is no duration",
        '{"A": null}': "is no duration",
        "name,seconds\nA,1": "has no columns id and length or duration",
        "[1]": "a JSON list",
        "{": "is not JSON",
        "": "has no columns",
    }
    for text, message in wrong.items():
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_durations(path)


def test_durations_of_features_and_videos(tmp_path, sample_video, toy_durations):
    name = sample_video.stem
    (tmp_path / sample_video.name).write_bytes(sample_video.read_bytes())
    assert collect_durations(tmp_path) == {name: pytest.approx(toy_durations[name])}
    write_features(tmp_path / f"{name}.safetensors", uniform_features(np.ones((2, 3)), 12.5, name))
    write_features(tmp_path / "other.safetensors", uniform_features(np.ones((2, 3)), 0.1, "other"))
    (tmp_path / "notes.txt").write_text("no video")
    assert collect_durations(tmp_path) == {name: 12.5, "other": 0.1}
    (tmp_path / "bad.safetensors").write_bytes(b"no")
    (tmp_path / "bad.mp4").write_bytes(b"no")
    with pytest.warns(UserWarning, match=r"left out: .*bad\.") as told:
        assert collect_durations(tmp_path) == {name: 12.5, "other": 0.1}
    assert len(told) == 2
    with pytest.raises(NotADirectoryError, match="no folder of features or videos"):
        collect_durations(tmp_path / "bad.mp4")
