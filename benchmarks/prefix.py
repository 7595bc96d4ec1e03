"""Twenty queries on one video, which is read and encoded once, against twenty separate calls: the shipped model on a sample video."""

from __future__ import annotations

import time
from pathlib import Path

from momentor_lib.moments import Answer
from momentor_lib.paths import shipped
from momentor_lib.predictor import Predictor

QUERIES = [
    f"the {colour} {shape} {action}"
    for colour, shape in (("red", "circle"), ("green", "square"), ("blue", "star"), ("yellow", "moon"), ("white", "heart"))
    for action in ("moves left", "grows", "spins", "blinks")
]


def sample_video() -> Path:
    """The first sample video."""
    return min(shipped("data_samples/videos").glob("*.mp4"))


def together(predictor: Predictor, video: Path) -> list[Answer]:
    """Every query at once, the video set once."""
    return predictor.set_video(video).ground_many(QUERIES)


def once(predictor: Predictor, video: Path) -> list[Answer]:
    """One query after the other, the video set once."""
    predictor.set_video(video)
    return [predictor.ground(query) for query in QUERIES]


def each(predictor: Predictor, video: Path) -> list[Answer]:
    """Every query with a call of its own."""
    return [predictor.set_video(video).ground(query) for query in QUERIES]


def rows(model: object = "tiny", video: Path | None = None) -> list[dict]:
    """CPU seconds for twenty queries; another model and video than the shipped ones can be given."""
    predictor, video = Predictor(model), video or sample_video()
    predictor.set_video(video).ground_many(QUERIES[:2])
    seconds, answers = {}, {}
    for form in (together, once, each):
        began = time.process_time()
        answers[form] = form(predictor, video)
        seconds[form] = time.process_time() - began
    assert answers[once] == answers[each], "the forms must answer alike"
    assert [len(answer.moments) for answer in answers[together]] == [len(answer.moments) for answer in answers[each]]
    return [
        {
            "claim": f"{len(QUERIES)} queries on one video, {how}",
            "ours": f"set once {seconds[form]:.2f} s",
            "rival": f"separate calls {seconds[each]:.2f} s",
            "ratio": seconds[each] / seconds[form],
            "target": ">= 4",
        }
        for how, form in (("together", together), ("one after the other", once))
    ]


def main() -> None:
    """Prints the rows."""
    for row in rows():
        print(row)


if __name__ == "__main__":
    main()
