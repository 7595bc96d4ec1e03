"""Dense captioning: its rules in words, SODA's matching against all of them, and the whole of ActivityNet Captions."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentor_lib.evaluation.captioning import OVERLAPS, best_in_order, ceiling, in_order, score_captions, soda_c
from momentor_lib.evaluation.cider import cider
from momentor_lib.evaluation.grounding import temporal_iou
from momentor_lib.evaluation.meteor import meteor
from momentor_lib.moments import Moment

TEXTS = ["a man runs home", "a man runs to the dog", "the red ball jumps", "two dogs run", "a man runs home again"]
EVENTS = st.lists(
    st.builds(
        lambda start, length, text: Moment(start, start + length, label=text),
        st.integers(0, 10),
        st.integers(1, 10),
        st.sampled_from(TEXTS),
    ),
    max_size=4,
)


def spans(events):
    return [(event.start, event.end) for event in events]


def in_words(said, true, overlap):
    """Mean METEOR and CIDEr over a video's pairs, an event that fits nothing being a pair with a sentence that shares no word with it."""
    pairs = []
    for event in said:
        fitting = [other for other in true if temporal_iou(spans([event]), spans([other]))[0, 0] >= overlap]
        pairs += [(event.label, other.label) for other in fitting] or [(event.label, None)]
    if not pairs:
        return 0.0, 0.0
    similar = sum(meteor(a, b) for a, b in pairs if b is not None) / len(pairs)
    told = cider([a for a, _ in pairs], [[b if b is not None else "qqxz"] for _, b in pairs])
    return 100 * similar, 100 * sum(told) / len(pairs)


@given(st.lists(st.tuples(EVENTS, EVENTS.filter(bool)), min_size=1, max_size=3))
def test_scores_are_those_of_the_rules_in_words(videos):
    scores = score_captions([said for said, _ in videos], [true for _, true in videos])
    for number, (said, true) in enumerate(videos):
        expected = [in_words(said, true, overlap) for overlap in OVERLAPS]
        for overlap, (similar, told) in zip(OVERLAPS, expected, strict=True):
            assert scores[f"METEOR@{overlap:g}"][number] == pytest.approx(similar)
            assert scores[f"CIDEr@{overlap:g}"][number] == pytest.approx(told)
        assert scores["METEOR"][number] == pytest.approx(np.mean([similar for similar, _ in expected]))
        assert scores["CIDEr"][number] == pytest.approx(np.mean([told for _, told in expected]))


def test_pooled_meteor_adds_up_before_it_divides():
    event, other = Moment(0, 10, label="red boats sail"), Moment(20, 30, label="two dogs jump high")
    whole = score_captions([[event]], [[event]])["METEOR pooled"]
    assert whole == pytest.approx([100])
    # two sentences, each met as a whole: precision and recall are 1, and there are two chunks of seven words
    both = score_captions([[event, other]], [[event, other]])["METEOR pooled"]
    assert both == pytest.approx([100 * (1 - 0.6 * (2 / 7) ** 0.2)])
    # an event that fits nothing: of five content words three are met, and of four in the truth, the unknown word being one
    wrong = Moment(50, 60, label="cats sleep")
    precision, recall = 3 / 5, 3 / 4
    mean = precision * recall / (0.85 * precision + 0.15 * recall)
    found = score_captions([[event, wrong]], [[event]])["METEOR pooled"]
    assert found == pytest.approx([100 * mean * (1 - 0.6 * (1 / 3) ** 0.2)])


def all_matchings(rows, columns):
    """Every one-to-one matching of some rows with as many columns, both in order."""
    for size in range(min(rows, columns) + 1):
        for first in combinations(range(rows), size):
            for second in combinations(range(columns), size):
                yield list(zip(first, second, strict=True))


@given(st.integers(0, 4), st.integers(0, 4), st.randoms(use_true_random=False))
def test_matching_in_order_is_the_best_of_all(rows, columns, random):
    values = np.array([[random.choice([0, 0.25, 0.5, 1]) for _ in range(columns)] for _ in range(rows)]).reshape(rows, columns)
    best = max(sum(values[i, j] for i, j in matching) for matching in all_matchings(rows, columns))
    assert best_in_order(values) == best


@given(EVENTS.filter(bool), EVENTS.filter(bool))
def test_soda_is_the_f_measure_of_the_best_matching(said, true):
    said, true = in_order(said), in_order(true)
    values = temporal_iou(spans(said), spans(true)) * [[meteor(a.label, b.label) for b in true] for a in said]
    best = max(sum(values[i, j] for i, j in matching) for matching in all_matchings(len(said), len(true)))
    precision, recall = best / len(said), best / len(true)
    expected = 2 * precision * recall / (precision + recall) if best else 0.0
    assert soda_c(said, true) == pytest.approx(expected)


def test_soda_keeps_the_order_of_time():
    true = [Moment(0, 10, label="a man runs home"), Moment(5, 15, label="the red ball jumps")]
    crossed = [Moment(0, 10, label="the red ball jumps"), Moment(5, 15, label="a man runs home")]
    assert soda_c(true, true) == 1
    assert soda_c(crossed, true) == pytest.approx(2 * (1 / 3) / 4)  # IoU 5/15, one of the two pairs


def test_a_video_without_prediction_counts_and_one_without_truth_does_not():
    event = Moment(0, 10, label="a man runs home")
    scores = score_captions([[], [event], [event]], [[event], [], [event]])
    for name, values in scores.items():
        assert values[0] == 0 and np.isnan(values[1]), name
    assert scores["METEOR"][2] == scores["SODA_c"][2] == 100
    assert scores["CIDEr"][2] == 0  # a single pair: nothing is rare


def test_rarity_from_the_whole_file_gives_a_single_pair_its_due():
    events = [[Moment(0, 10, label="a man runs home")], [Moment(0, 10, label="the red ball jumps")]]
    assert ceiling(events)["CIDEr"].tolist() == [0, 0]
    assert ceiling(events, rarity="file")["CIDEr"] == pytest.approx([1000, 1000])
    with pytest.raises(ValueError, match="unknown rarity 'corpus': choose one of video, file"):
        score_captions([], [], rarity="corpus")
    with pytest.raises(ValueError, match="1 predictions for 0 videos"):
        score_captions([[]], [])


@given(st.lists(st.tuples(EVENTS, EVENTS.filter(bool)), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_order_has_no_say_and_scores_stay_in_range(videos, random):
    said, true = [list(part) for part in zip(*videos, strict=True)]
    before = score_captions(said, true)
    after = score_captions([random.sample(events, len(events)) for events in said], [random.sample(events, len(events)) for events in true])
    for name, values in before.items():
        assert after[name] == pytest.approx(values)
        assert (values >= 0).all() and (values <= (1000 if "CIDEr" in name else 100) + 1e-6).all()


@given(EVENTS.filter(bool), st.floats(0, 1))
def test_soda_never_falls_as_a_span_comes_nearer(true, way):
    far = Moment(20, 30, label=true[0].label)
    nearer = Moment(far.start + way * (true[0].start - far.start), far.end + way * (true[0].end - far.end), label=far.label)
    assert soda_c([nearer], true[:1]) >= soda_c([far], true[:1]) - 1e-9


def test_activitynet_perfect_is_the_ceiling_and_empty_is_0(activitynet):
    videos = json.loads(activitynet.read_text()).values()
    truth = [
        [Moment(*map(float, span), label=sentence) for span, sentence in zip(video["timestamps"], video["sentences"], strict=True)]
        for video in videos
    ]
    assert sum(map(len, truth)) == 17505
    highest = ceiling(truth)
    assert highest["SODA_c"] == pytest.approx(np.full(len(truth), 100.0))
    shuffled = score_captions([events[::-1] for events in truth], truth)
    for name, values in shuffled.items():
        assert values == pytest.approx(highest[name])  # a perfect prediction, in whatever order, has the whole of what can be had
        assert np.mean(values) > (60 if name == "METEOR pooled" else 90)
    # Where a video's events do not overlap by .3, perfect is 100 at every overlap.
    apart = [events for events in truth if (temporal_iou(spans(events), spans(events)) >= 0.3).sum() == len(events)]
    assert len(apart) > 3000
    assert score_captions(apart, apart)["METEOR"] == pytest.approx(np.full(len(apart), 100.0))
    assert all(values.max() == 0 for values in score_captions([[] for _ in truth], truth).values())
