"""Questions about a video: is the answer right? By its words, by the chosen option, or by a judge that the user hands in.

Rules: an answer that is missing is wrong. A multiple-choice answer from which no option can be read is wrong, and counted as unparsed.
Nothing here asks another model; ``judge`` may.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence

import numpy as np

Judge = Callable[[str, str, str], float]  # (question, true answer, said answer) -> 0 to 1

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {word: str(number) for number, word in enumerate(_WORDS)}
_MARKED = re.compile(
    r"^\W*(?:(?:the\s+)?(?:best\s+|correct\s+)?(?:answer|option|choice)\s*(?:is|:)?\s*)?[(\[]?([A-Za-z])[)\].:,]?(?:\s|$)", re.IGNORECASE
)
_ALONE = re.compile(r"[(\[]([A-Za-z])[)\]]")


def normalise(answer: str) -> str:
    """An answer without what does not matter: case, punctuation, articles and blanks; number words up to ten as digits."""
    kept = "".join(" " if letter in string.punctuation else letter for letter in answer.lower())
    return " ".join(_NUMBERS.get(word, word) for word in _ARTICLES.sub(" ", kept).split())


def exact_match(said: str | None, truth: str) -> bool:
    """Are the two the same, but for blanks at the ends?"""
    return said is not None and said.strip() == truth.strip()


def normalised_match(said: str | None, truth: str) -> bool:
    """Are the two the same once :func:`normalise` has gone over them?"""
    return said is not None and normalise(said) == normalise(truth)


def chosen_option(said: str | None, options: Sequence[str]) -> int | None:
    """Which option an answer names, from 0: by its letter ("B", "(b)", "The answer is B.") or by its words; None where that is not clear.

    A letter counts only where the answer begins with it or has it in brackets. Words count where they are those of one option, or
    where the words of exactly one option stand in the answer.
    """
    if said is None or not said.strip():
        return None
    words = normalise(said)
    same = [place for place, option in enumerate(options) if normalise(option) == words]
    if len(same) == 1:
        return same[0]
    inside = [place for place, option in enumerate(options) if f" {normalise(option)} " in f" {words} " and normalise(option)]
    if len({letter.upper() for letter in _ALONE.findall(said)}) > 1:
        return None
    for pattern in (_MARKED, _ALONE):
        letters = {found.upper() for found in pattern.findall(said.strip())}
        if len(letters) == 1 and (place := ord(letters.pop()) - ord("A")) < len(options) and not _is_article(said, options):
            return place
    return inside[0] if len(inside) == 1 else None


def _is_article(said: str, options: Sequence[str]) -> bool:
    """Whether an "a" at the begin of an answer is the word: a sentence of an option follows it, or it is small and words follow it."""
    return bool(re.match(r"\s*a\s+\w", said)) or bool(re.match(r"\s*A\s+[a-z]", said))


def score_answers(
    said: Sequence[str | None],
    truth: Sequence[str],
    questions: Sequence[str] | None = None,
    options: Sequence[Sequence[str]] | None = None,
    judge: Judge | None = None,
) -> dict[str, np.ndarray]:
    """Score of every question by every metric, percent.

    Args:
        said: what was answered, None where nothing was [Q].
        truth: the right answers; with ``options`` the right option's words, letter or number from 0 [Q].
        questions: for the judge [Q].
        options: of each question [Q][...]; then ``multiple choice`` is scored too.
        judge: how right an answer is, 0 to 1; a missing answer is not shown to it.

    Raises: ValueError: lists of different lengths, a judge without questions or with a verdict outside 0 to 1, or a true answer that is no
    option.
    """
    lengths = {len(values) for values in (said, truth, questions, options) if values is not None}
    if len(lengths) > 1:
        raise ValueError(f"answers, truth, questions and options must be as many, not {sorted(lengths)}")
    scores = {"exact match": [exact_match(*pair) for pair in zip(said, truth, strict=True)]}
    scores["normalised match"] = [normalised_match(*pair) for pair in zip(said, truth, strict=True)]
    if options is not None:
        right = [true_option(answer, own) for answer, own in zip(truth, options, strict=True)]
        chosen = [chosen_option(answer, own) for answer, own in zip(said, options, strict=True)]
        scores["multiple choice"] = [a == b for a, b in zip(chosen, right, strict=True)]
    if judge is not None:
        if questions is None:
            raise ValueError("a judge needs the questions")
        scores["judge"] = [_judged(judge, *one) for one in zip(questions, truth, said, strict=True)]
    return {name: 100 * np.array(values, float) for name, values in scores.items()}


def true_option(answer: str | int, options: Sequence[str]) -> int:
    """Which option is right: told by its number from 0, its words, or its letter.

    Raises:
        ValueError: none is.
    """
    if isinstance(answer, int):
        if 0 <= answer < len(options):
            return answer
        raise ValueError(f"the true answer is option number {answer} of {len(options)} (from 0)")
    for place, option in enumerate(options):
        if normalise(option) == normalise(answer):
            return place
    place = ord(answer.strip().strip("().").upper()) - ord("A") if len(answer.strip().strip("().")) == 1 else -1
    if 0 <= place < len(options):
        return place
    raise ValueError(f"the true answer {answer[:60]!r} is none of its options")


def _judged(judge: Judge, question: str, truth: str, said: str | None) -> float:
    if said is None:
        return 0.0
    verdict = float(judge(question, truth, said))
    if not 0 <= verdict <= 1:
        raise ValueError(f"the judge said {verdict:g} of {said[:60]!r}; a verdict lies between 0 and 1")
    return verdict
