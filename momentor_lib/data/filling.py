"""Placeholders of records' texts are filled: quickly where a record is as nearly all are, in one careful pass where it is not."""

from __future__ import annotations

import re
from collections.abc import Iterable

from momentor_lib.data.moment10m import PackedRecord, Turn, Variables
from momentor_lib.data.templates import Form

# Other braces are the text's own and stay as they are.
PLACEHOLDER = re.compile(r"\{(moment|SOURCE_CLIP|click_position|instance_class|content)\}")
NO_VARIABLES = Variables()
Fault = tuple[PackedRecord, str]


def fill(records: Iterable[PackedRecord], form: Form) -> tuple[list[list[Turn]], list[Fault]]:
    """The turns of records, which are changed: each placeholder is filled where it stands, with one text wherever it stands.

    Returns:
        The turns of each record; and the records that cannot be filled, each with what is wrong: a variable is malformed, or a text names
        one that the record has not.
    """
    dialogues, faults = [], []
    write_moment, write_click = form.moment, form.click
    moment = clip = click = ""
    for record in records:
        turns, variables = record.conversations, record.variables or NO_VARIABLES
        try:
            try:
                (turn,) = turns
            except (TypeError, ValueError):  # it is not in a list, or there are several
                dialogues.append(fill_in_one_pass(turns, write_variables(variables, form)))
                continue
            # One variable after the other, times first and a word last: quick, and right where no brace is left behind.
            question, answer = turn.User, turn.Assistant
            in_answer = "{" in answer
            if variables.moment:
                moment = write_moment(variables.moment)
                question = question.replace("{moment}", moment)
                answer = answer.replace("{moment}", moment) if in_answer else answer
            if variables.SOURCE_CLIP:
                clip = write_moment(variables.SOURCE_CLIP)
                question = question.replace("{SOURCE_CLIP}", clip)
                answer = answer.replace("{SOURCE_CLIP}", clip) if in_answer else answer
            if variables.click_position:
                click = write_click(variables.click_position)
                question = question.replace("{click_position}", click)
                answer = answer.replace("{click_position}", click) if in_answer else answer
            if (content := variables.content) is not None:
                question = question.replace("{content}", content)
                answer = answer.replace("{content}", content) if in_answer else answer
            if (word := variables.instance_class) is not None:
                question = question.replace("{instance_class}", word)
                answer = answer.replace("{instance_class}", word) if in_answer else answer
            # Two words could make a placeholder.
            if "{" in question or (in_answer and "{" in answer) or (word is not None and content is not None):
                fill_in_one_pass(turns, _by_placeholder(variables, moment, clip, click))
            else:
                turn.User = question
                if in_answer:
                    turn.Assistant = answer
            dialogues.append(turns)
        except ValueError as error:
            faults.append((record, str(error)))
    return dialogues, faults


def fill_in_one_pass(turns: list[Turn] | Turn, texts: dict[str, str]) -> list[Turn]:
    """Turns, which are changed: right whatever braces their texts have, get from a variable, or make with one.

    Raises:
        ValueError: a text names a variable that is missing.
    """
    turns = [turns] if isinstance(turns, Turn) else turns
    try:
        for turn in turns:
            turn.User = PLACEHOLDER.sub(lambda found: texts[found[0]], turn.User)
            turn.Assistant = PLACEHOLDER.sub(lambda found: texts[found[0]], turn.Assistant)
    except KeyError as error:
        raise ValueError(f"a text names {error.args[0]}, for which the record has no variable") from None
    return turns


def write_variables(variables: Variables, form: Form) -> dict[str, str]:
    """Placeholder -> its text, for each variable that a record has; an empty time counts as missing.

    Raises:
        ValueError: a variable is malformed.
    """
    moment = form.moment(variables.moment) if variables.moment else ""
    clip = form.moment(variables.SOURCE_CLIP) if variables.SOURCE_CLIP else ""
    click = form.click(variables.click_position) if variables.click_position else ""
    return _by_placeholder(variables, moment, clip, click)


def _by_placeholder(variables: Variables, moment: str, clip: str, click: str) -> dict[str, str]:
    """What is given for a variable that the record has not is left out."""
    texts = {
        "{moment}": moment if variables.moment else None,
        "{SOURCE_CLIP}": clip if variables.SOURCE_CLIP else None,
        "{click_position}": click if variables.click_position else None,
        "{content}": variables.content,
        "{instance_class}": variables.instance_class,
    }
    return {placeholder: text for placeholder, text in texts.items() if text is not None}
