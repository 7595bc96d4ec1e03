"""Self-checks of notebook 03: from Moment-10M's files to training examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from momentor_lib.checks.result import require, require_something, self_check

IGNORED = -100


@self_check
def passes(function: Callable[[Mapping[str, Any], float], bool]) -> str:
    """Whether a record passes a threshold: by its match score, else by its CLIP similarity."""
    got = function({"match_score": 0.9, "clip_similarity": 0.9}, 0.5)
    require_something(got)
    require(bool(got), "a record whose two scores are both high should pass.")
    require(not function({"match_score": 0.1, "clip_similarity": 0.1}, 0.5), "a record whose two scores are both low should not pass.")
    require(bool(function({"match_score": 0.9}, 0.5)), "one high score is enough: here there is only a match score.")
    require(bool(function({"clip_similarity": 0.9}, 0.5)), "one high score is enough: here there is only a CLIP similarity.")
    require(bool(function({"match_score": 0.1, "clip_similarity": 0.9}, 0.5)), "a low match score leaves the CLIP similarity to decide.")
    require(bool(function({"match_score": 0.9, "clip_similarity": 0.1}, 0.5)), "a high match score decides by itself.")
    require(not function({}, 0.5), "a record without any score is dropped.")
    require(not function({}, -1.0), "a record without any score is dropped, also where the threshold is below 0.")
    require(not function({"match_score": 0.5}, 0.5), "a score must be above the threshold; here it is just equal.")
    return "both scores, one of them, none, and a score that is just the threshold."


@self_check
def fill(function: Callable[[str, Mapping[str, Any]], str]) -> str:
    """Placeholders of a text, replaced by time tags."""
    got = function("When? {moment}", {"moment": [1.5, 2.25]})
    require_something(got)
    require(isinstance(got, str), f"the answer should be a text, not a {type(got).__name__}.")
    require("{" not in got, "a placeholder is still there.")
    require("1.5" in got and "2.25" in got, "the times should stay as exact as they were: do not round.")
    require(got == "When? <1.50s>-<2.25s>", "a moment is written as two tags with a hyphen between: format_span does that.")
    both = function("{moment} after {SOURCE_CLIP}", {"SOURCE_CLIP": [1.0, 2.0], "moment": [3.0, 4.0]})
    require(both == "<3.00s>-<4.00s> after <1.00s>-<2.00s>", "each placeholder gets its own times, in the order of the text.")
    twice = function("{moment}, yes, {moment}", {"moment": [3.0, 4.0]})
    require(twice.count("<3.00s>-<4.00s>") == 2, "a placeholder can stand in a text more than once.")
    kept = function("{moment} or {other} {", {"moment": [3.0, 4.0]})
    require(kept == "<3.00s>-<4.00s> or {other} {", "braces that are no placeholder belong to the text and stay as they are.")
    return "two placeholders, one that comes twice, and braces that are none."


@self_check
def label_mask(function: Callable[[Sequence[int], Sequence[tuple[int, int]]], Sequence[int]]) -> str:
    """Labels of a sequence: its answers' ids, -100 elsewhere."""
    ids = [11, 12, 13, 14, 15, 16, 17, 18]
    got = function(list(ids), [(2, 4), (6, 8)])
    require_something(got)
    got = [int(label) for label in got]
    require(len(got) == len(ids), f"there should be a label for each of the {len(ids)} ids; you give {len(got)}.")
    require(any(label == IGNORED for label in got), "what is not learned gets the label -100.")
    require(got[0] == got[1] == IGNORED, "the question is not learned: its labels are -100.")
    require(got[4] == got[5] == IGNORED, "a second question, between two answers, is not learned either.")
    require(got[3] != 14 or got[2] == 13, "a label stands at its own token. That the model predicts the next one is the loss's business.")
    require(got[2:4] == [13, 14] and got[6:8] == [17, 18], "inside an answer the label is the id itself, from first up to before stop.")
    require([int(label) for label in function([1, 2], [])] == [IGNORED] * 2, "without an answer nothing is learned.")
    return "two answers with a question between them, and a sequence without any."
