"""Labels of frames against the script they come from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from momentor_lib.toy import sample_script
from momentor_lib.toy.words import ACTIONS, COLOURS, SHAPES
from momentor_lib.training.deeds import DEEDS, deeds
from momentor_lib.training.toy_data import frame_times

ONE = len(ACTIONS) + len(COLOURS) + len(SHAPES)
SCRIPTS = [sample_script(2, "train", i) for i in range(8)]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.id)
def test_what_is_under_way_names_exactly_the_running_events(script):
    times = frame_times(script.duration, 64)
    table = deeds(script, times)
    assert table.shape == (64, DEEDS)
    bound = table[:, ONE : -2 * ONE]
    colours, shapes = bound.split([len(COLOURS) * len(ACTIONS), len(SHAPES) * len(ACTIONS)], dim=1)
    for k, time in enumerate(times):
        running = [(script.actors[e.actor], e.action) for e in script.events if e.start <= time <= e.end]
        said = {list(ACTIONS)[i] for i in table[k, : len(ACTIONS)].nonzero().flatten()}
        assert said == {action for _, action in running}
        for part, names, get in ((colours, list(COLOURS), "colour"), (shapes, SHAPES, "shape")):
            pairs = {(names[i], list(ACTIONS)[j]) for i, j in part[k].view(len(names), len(ACTIONS)).nonzero().tolist()}
            assert pairs == {(getattr(actor, get), action) for actor, action in running}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.id)
def test_boundaries_are_marked_around_their_time_and_nowhere_else(script):
    times = np.linspace(0, script.duration, 64)
    spacing = times[1]
    table = deeds(script, times)
    for columns, boundary in ((table[:, -2 * ONE : -ONE], "start"), (table[:, -ONE:], "end")):
        for event in script.events:
            of_action = columns[:, list(ACTIONS).index(event.action)]
            alike = [getattr(e, boundary) for e in script.events if e.action == event.action]
            wanted = np.max([np.clip(1 - np.abs(times - time) / spacing, 0, 1) for time in alike], axis=0)
            assert torch.allclose(of_action, torch.from_numpy(wanted).float(), atol=1e-6)
