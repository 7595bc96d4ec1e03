"""The metrics' speed: 100,000 grounding queries, and dense captioning of as many videos and events as ActivityNet Captions' val_1 has.

The rival in grounding is the loop over queries and spans that published scripts run, on a tenth of the queries, its time scaled to all.
METEOR 1.5 needs Java, so dense captioning has no rival here, only its target.
"""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path

import numpy as np

from momentor_lib.evaluation.captioning import score_captions
from momentor_lib.evaluation.grounding import score_grounding
from momentor_lib.moments import Moment

QUERIES, SHARE, REPEATS = 100_000, 10, 3
VIDEOS, EVENTS = 4917, 17505
NOISE, DROPPED = 0.1, 0.15  # of a span's length; of a sentence's words
ACTIVITYNET = "annotations/activitynet_captions_val_1.json"


def spans(seed: int) -> tuple[list[list[tuple[float, float]]], list[list[tuple[float, float]]]]:
    """Five predicted spans for each query, one true one, and two for each tenth."""
    rng = np.random.default_rng(seed)
    said = np.sort(rng.uniform(0, 150, (QUERIES, 5, 2)), axis=2).tolist()
    true = np.sort(rng.uniform(0, 150, (QUERIES, 2, 2)), axis=2).tolist()
    return said, [pair if number % 10 == 0 else pair[:1] for number, pair in enumerate(true)]


def plain_loop(said: list, true: list) -> float:
    """mIoU as scripts compute it, a pair of spans at a time; recalls and the pairs that F1 needs come from the same loop."""
    total, recalled, paired = 0.0, dict.fromkeys((0.3, 0.5, 0.7), 0), 0
    for windows, truth in zip(said, true, strict=True):
        best = 0.0
        for number, window in enumerate(windows):
            for other in truth:
                shared = max(0.0, min(window[1], other[1]) - max(window[0], other[0]))
                union = window[1] - window[0] + other[1] - other[0] - shared
                overlap = shared / union if union > 0 else 0.0
                paired += overlap >= 0.5
                best = max(best, overlap) if number == 0 else best
        total += best
        for threshold in recalled:
            recalled[threshold] += best >= threshold
    return 100 * total / len(said)


def _seconds(function, *arguments) -> tuple[float, object]:
    """Least CPU time of several runs, and the result."""
    times = []
    for _ in range(REPEATS):
        began = time.process_time()
        result = function(*arguments)
        times.append(time.process_time() - began)
    return min(times), result


def true_events() -> tuple[str, list[list[Moment]]]:
    """ActivityNet Captions' where the file is there, else as many invented ones."""
    folder = Path(os.environ.get("MOMENTOR_REAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if (folder / ACTIVITYNET).is_file():
        videos = json.loads((folder / ACTIVITYNET).read_text()).values()
        pairs = [zip(video["timestamps"], video["sentences"], strict=True) for video in videos]
        return "ActivityNet val_1", [[Moment(*map(float, span), label=words) for span, words in events] for events in pairs]
    rng = random.Random(0)
    words = [f"word{number}" for number in range(25)]  # about as many repeat in a sentence as "a" and "the" do
    counts = [EVENTS // VIDEOS + (number < EVENTS % VIDEOS) for number in range(VIDEOS)]
    invented = [[Moment(40.0 * i, 40.0 * i + 60, label=" ".join(rng.choices(words, k=13))) for i in range(count)] for count in counts]
    return "invented sentences", invented


def perturbed(event: Moment, rng: random.Random) -> Moment:
    """Another span nearby, and a word in seven left out."""
    length = event.end - event.start
    start, end = sorted((event.start + rng.gauss(0, NOISE) * length, event.end + rng.gauss(0, NOISE) * length))
    words = event.label.split()
    return Moment(start, end, label=" ".join([word for word in words if rng.random() > DROPPED] or words))


def rows() -> list[dict]:
    """CPU seconds on one core, which other work on the machine lengthens a little."""
    said, true = spans(0)
    ours, scores = _seconds(score_grounding, said, true)
    part = QUERIES // SHARE
    rival, mean = _seconds(plain_loop, said[:part], true[:part])
    assert abs(mean - scores["mIoU"][:part].mean()) < 1e-9, "two scores that differ cannot be compared"
    name, truth = true_events()
    rng = random.Random(1)
    predicted = [[perturbed(event, rng) for event in events] for events in truth]
    began = time.process_time()
    values = score_captions(predicted, truth)
    captions = time.process_time() - began
    assert len(values["SODA_c"]) == VIDEOS
    return [
        {
            "claim": f"grounding, {QUERIES:,} queries of five spans: R@1, mIoU, F1",
            "ours": f"{ours:.2f} s",
            "rival": f"a loop over spans {rival * SHARE:.2f} s",
            "ratio": rival * SHARE / ours,
            "target": "< 2 s",
        },
        {
            "claim": f"dense captioning, {len(truth):,} videos ({name}), truth perturbed: METEOR, CIDEr at four overlaps, SODA_c",
            "ours": f"{captions:.1f} s",
            "rival": "60 s allowed",
            "ratio": 60 / captions,
            "target": "< 60 s",
        },
    ]


def main() -> None:
    """Prints the rows."""
    for row in rows():
        print(row)


if __name__ == "__main__":
    main()
