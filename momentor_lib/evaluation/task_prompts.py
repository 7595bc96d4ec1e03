"""The prompts of each task, for all models that are asked in words, written down once.

``grounding`` and ``captioning`` ask as Momentor was trained to be asked (:mod:`momentor_lib.prompts`; the paper does not publish its own),
and then say in which form to answer, which a model that knows time tags does not need.
"""

from momentor_lib import prompts

SPAN_FORM = (
    "Answer with the start and the end in seconds, for instance: 12.5 s - 20 s. Name several such spans where it happens more than once."
)
EVENT_FORM = "Write a line for each: start and end in seconds, then a sentence, for instance: 12.5 s - 20 s: A man runs."

PROMPTS = {
    "grounding": f"{prompts.GROUND} {SPAN_FORM}",
    "highlights": f"{prompts.GROUND} {SPAN_FORM} Begin with the span that fits best.",
    "captioning": f"{prompts.EVENTS} {EVENT_FORM}",
    "segmentation": f"{prompts.EVENTS} {EVENT_FORM}",
    "qa": "{query}",
}
OPTIONS = "{question} Options: {options}. Answer with the letter of the right option."


def prompt(task: str, query: str = "", options: tuple[str, ...] = ()) -> str:
    """The prompt for a query or question.

    Raises:
        KeyError: no such task.
    """
    if options:
        letters = " ".join(f"({chr(ord('A') + place)}) {option}" for place, option in enumerate(options))
        return OPTIONS.format(question=query, options=letters)
    asked = query if task == "qa" else query.strip().rstrip("?.!")
    return PROMPTS[task].replace("{query}", asked)
