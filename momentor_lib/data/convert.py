"""Records of a packed Moment-10M file -> dialogues whose times are time tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from momentor_lib.timecode import format_span, format_spans, format_tag

# Other braces are the text's own and stay as they are.
PLACEHOLDER = re.compile(r"\{(moment|SOURCE_CLIP|click_position|instance_class|content)\}")


def to_dialogue(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A record -> its turns (question, answer), each placeholder filled in place, nothing rounded.

    Raises:
        KeyError: a text names a placeholder for which the record has no variable.
    """
    conversations = record["conversations"]
    turns = [conversations] if isinstance(conversations, Mapping) else conversations
    variables = record.get("variables") or {}
    return [(_fill(turn["User"], variables), _fill(turn["Assistant"], variables)) for turn in turns]


def _fill(text: str, variables: Mapping[str, Any]) -> str:
    return PLACEHOLDER.sub(lambda found: _write(found.group(1), variables[found.group(1)]), text)


def _write(name: str, value: Any) -> str:
    if name in ("instance_class", "content"):
        return str(value)
    if name == "click_position":
        time, (x, y) = value
        return f"[{format_tag(time)}, <{round(x, 2)}, {round(y, 2)}>]"
    if isinstance(value[0], (int, float)):
        return format_span(*value)
    return format_spans([tuple(span) for span in value])
