"""What goes on in a toy video's frames, as labels: who does what, what begins and what ends."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from momentor_lib.toy import Script
from momentor_lib.toy.words import ACTIONS, COLOURS, SHAPES

_ACTION, _COLOUR, _SHAPE = len(ACTIONS), len(COLOURS), len(SHAPES)
_SINGLE = _ACTION + _COLOUR + _SHAPE
DEEDS = 3 * _SINGLE + (_COLOUR + _SHAPE) * _ACTION


def deeds(script: Script, times: np.ndarray) -> Tensor:
    """Labels of the frames at some ascending times, float [T, DEEDS], from 0 to 1.

    Under way: each action, colour and shape of an event, then each colour with its action and each shape with its action, since two events
    may overlap. Beginning and ending: each action, colour and shape; 1 at the event's very boundary, falling to 0 a frame spacing away.
    """
    table = np.zeros((DEEDS, len(times)), np.float32)
    spacing = float(np.diff(times).mean()) if len(times) > 1 else 1.0
    for event in script.events:
        actor = script.actors[event.actor]
        action, colour, shape = list(ACTIONS).index(event.action), list(COLOURS).index(actor.colour), SHAPES.index(actor.shape)
        single = [action, _ACTION + colour, _ACTION + _COLOUR + shape]
        bound = [_SINGLE + colour * _ACTION + action, _SINGLE + (_COLOUR + shape) * _ACTION + action]
        under_way = (event.start <= times) & (times <= event.end)
        near = [np.clip(1 - np.abs(times - boundary) / spacing, 0, 1) for boundary in (event.start, event.end)]
        first = DEEDS - 2 * _SINGLE
        labels = [(single + bound, under_way), ([first + k for k in single], near[0]), ([first + _SINGLE + k for k in single], near[1])]
        for columns, values in labels:
            table[columns] = np.maximum(table[columns], values)
    return torch.from_numpy(np.ascontiguousarray(table.T))
