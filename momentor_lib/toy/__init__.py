"""The toy world: a script, the video that it renders to, and annotations that follow from it exactly."""

from momentor_lib.toy.instructions import event_sequence, instructions, queries
from momentor_lib.toy.render import render
from momentor_lib.toy.sample import SPLITS, sample_script
from momentor_lib.toy.script import Actor, Event, Scene, Script
from momentor_lib.toy.writer import annotate, write_toy

__all__ = [
    "SPLITS",
    "Actor",
    "Event",
    "Scene",
    "Script",
    "annotate",
    "event_sequence",
    "instructions",
    "queries",
    "render",
    "sample_script",
    "write_toy",
]
