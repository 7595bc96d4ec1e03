"""Answers: the same words, the chosen option, and a judge that is handed in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentor_lib.evaluation.qa import chosen_option, normalise, score_answers, true_option

OPTIONS = ["a red circle", "a blue star", "nothing moves", "a dog"]


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        ("The Red, circle!", "red circle"),
        ("  two  times ", "2 times"),
        ("An apple a day", "apple day"),
        ("", ""),
        ("the", ""),
        ("theatre", "theatre"),
    ],
)
def test_normalise(answer, means):
    assert normalise(answer) == means


@given(st.text())
def test_normalising_twice_changes_nothing(answer):
    assert normalise(normalise(answer)) == normalise(answer)


@pytest.mark.parametrize(
    ("answer", "option"),
    [
        ("B", 1),
        ("b.", 1),
        ("(B)", 1),
        ("B) a blue star", 1),
        ("B: a blue star", 1),
        ("The answer is C.", 2),
        ("Answer: D", 3),
        ("option (a)", 0),
        ("The correct answer is (B) because it spins.", 1),
        ("A blue star", 1),
        ("It is a blue star that moves", 1),
        ("A", 0),
        ("A dog runs by", 3),
        ("I think (C)", 2),
        ("a red circle or a blue star", None),
        ("E", None),
        ("(A) or (B)", None),
        ("I do not know", None),
        ("", None),
        (None, None),
    ],
)
def test_chosen_option(answer, option):
    assert chosen_option(answer, OPTIONS) == option


@pytest.mark.parametrize("answer", ["a blue star", "B", "(b)", 1, "The blue star."])
def test_true_option(answer):
    assert true_option(answer, OPTIONS) == 1


@pytest.mark.parametrize(("answer", "says"), [("a cat", "none of its options"), ("F", "none of its"), (7, "option number 7 of 4")])
def test_a_true_answer_that_is_no_option(answer, says):
    with pytest.raises(ValueError, match=says):
        true_option(answer, OPTIONS)


def test_scores():
    said, truth = ["red", "The red.", None, "blue"], ["red", "red", "red", "red"]
    scores = score_answers(said, truth)
    assert scores["exact match"].tolist() == [100, 0, 0, 0]
    assert scores["normalised match"].tolist() == [100, 100, 0, 0]
    assert set(scores) == {"exact match", "normalised match"}
    chosen = score_answers(["B", "so what"], ["a blue star", "D"], options=[OPTIONS, OPTIONS])
    assert chosen["multiple choice"].tolist() == [100, 0]


def test_a_judge_sees_what_was_said_and_nothing_that_was_not():
    seen = []

    def judge(question, truth, said):
        seen.append((question, truth, said))
        return 0.5

    scores = score_answers(["red", None], ["blue", "blue"], questions=["q1", "q2"], judge=judge)
    assert scores["judge"].tolist() == [50, 0]
    assert seen == [("q1", "blue", "red")]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"judge": lambda *_: 1.0}, "a judge needs the questions"),
        ({"judge": lambda *_: 1.5, "questions": ["q"]}, "the judge said 1.5 of 'red'; a verdict lies between 0 and 1"),
        ({"questions": ["q", "r"]}, "must be as many"),
        ({"options": [["x", "y"]]}, "'red' is none of its options"),
    ],
)
def test_wrong_input_is_named(arguments, says):
    with pytest.raises(ValueError, match=says):
        score_answers(["red"], ["red"], **arguments)
