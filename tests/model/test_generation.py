"""Generation against a loop without any cache, and each of its rules."""

import math
from types import SimpleNamespace

import pytest
import torch
from tiny_models import build_example, build_tiny

from momentor_lib.model import generation, ranking
from momentor_lib.model.domain import WARNING, Domain
from momentor_lib.model.generation import Generated, generate
from momentor_lib.model.grammar import SpanGrammar
from momentor_lib.model.prefix import prepare_video
from momentor_lib.model.temporal import DecodedTime
from momentor_lib.moments import Moment
from momentor_lib.timecode import find_spans, find_tags

QUESTIONS = ["When does this happen: the red circle moves left?", "What happens in <1s>-<4s>?", "No", "List every event in order."]


@pytest.fixture(scope="module")
def tiny():
    return build_tiny(scale=25, seed=3)


def prefix_of(model, processor, example):
    return prepare_video(model, processor, example.features, example.times, example.duration)


@torch.no_grad()
def uncached(model, processor, example, question, *, spans, begins_with_time=False, steps):
    """Greedy decoding by whole forward passes: slow, and nothing of generation.py but its rules."""
    row = processor.encode(build_example(len(example.times), example.duration, []))
    ids, positions = row["input_ids"].tolist(), row["positions"].tolist()
    asked, asked_positions = processor.encode_question(question, example.duration)
    ids, positions = ids + asked, positions + asked_positions
    begin, start, since = len(ids), None, 0
    for step in range(steps):
        output = model(
            torch.tensor([ids]),
            torch.tensor([positions], dtype=torch.float64),
            features=example.features[None],
            frame_positions=row["frame_positions"][None],
        )
        words, times = output.logits[0, -1], output.temporal_logits[0, -1]
        words[processor.never_written] = -math.inf
        time_next = times.logsumexp(-1) > words.max() or (step == 0 and begins_with_time) or (start is not None and since == 1)
        if spans and start is not None and since == 0:
            token, place, since = processor.dash_ids[0], math.nan, 1
        elif time_next:
            minimum = torch.tensor(start if start is not None and since == 1 else 0.0)
            place = model.temporal.decode(times, minimum, window=model.config.decoding_window).position.item()
            token, start, since = processor.time_token_id, None if start is not None and since == 1 else place, 0
        else:
            token, place = words.argmax().item(), math.nan
            if start is not None and token == processor.dash_ids[0] and since == 0:
                since = 1
            else:
                start, since = None, 0
            if token == processor.eos_token_id:
                break
        ids.append(token)
        positions.append(place)
    return ids[begin:], positions[begin:]


def assert_same(found: Generated, ids, positions):
    assert found.ids == list(ids)
    torch.testing.assert_close(torch.tensor(found.positions), torch.tensor(positions), rtol=0, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize("spans", [False, True])
def test_cached_answers_equal_uncached_ones_token_for_token(tiny, spans):
    model, processor = tiny
    example = build_example()
    prefix = prefix_of(model, processor, example)
    lengths = set()
    for question in QUESTIONS:
        found = generate(model, processor, prefix, [question], spans=spans, begins_with_time=spans, max_new_tokens=24)[0]
        assert_same(found, *uncached(model, processor, example, question, spans=spans, begins_with_time=spans, steps=24))
        lengths.add((len(found.ids), len(found.times)))
    assert len(lengths) > 1 or spans, "answers that are all alike would show little"


def test_questions_do_not_change_the_prefix_even_when_one_fails(tiny, monkeypatch):
    model, processor = tiny
    prefix = prefix_of(model, processor, build_example())
    before = [(keys.clone(), values.clone()) for keys, values in prefix.layers]
    first = generate(model, processor, prefix, QUESTIONS[:1], max_new_tokens=8)[0]
    with monkeypatch.context() as broken:
        broken.setattr(generation, "_write", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            generate(model, processor, prefix, QUESTIONS[:1], max_new_tokens=8)
    again = generate(model, processor, prefix, QUESTIONS[:1], max_new_tokens=8)[0]
    assert_same(again, first.ids, first.positions)
    for (keys, values), (keys_before, values_before) in zip(prefix.layers, before, strict=True):
        assert torch.equal(keys, keys_before) and torch.equal(values, values_before)


@pytest.mark.parametrize("spans", [False, True])
def test_a_batch_of_different_videos_and_prompts_gives_what_each_gives_alone(tiny, spans):
    model, processor = tiny
    examples = [build_example(6), build_example(3, 7.5, seed=1), build_example(9, 300.0, seed=2), build_example(6, seed=3)]
    prefixes = [prefix_of(model, processor, example) for example in examples]
    together = generate(model, processor, prefixes, QUESTIONS, spans=spans, max_new_tokens=24)
    for prefix, question, found in zip(prefixes, QUESTIONS, together, strict=True):
        alone = generate(model, processor, prefix, [question], spans=spans, max_new_tokens=24)[0]
        assert_same(found, alone.ids, alone.positions)
        assert found.finished == alone.finished


def test_several_questions_about_one_video(tiny):
    model, processor = tiny
    prefix = prefix_of(model, processor, build_example())
    for question, found in zip(QUESTIONS, generate(model, processor, prefix, QUESTIONS, max_new_tokens=16), strict=True):
        alone = generate(model, processor, prefix, [question], max_new_tokens=16)[0]
        assert_same(found, alone.ids, alone.positions)
    assert generate(model, processor, prefix, []) == []
    with pytest.raises(ValueError, match="2 questions need as many videos"):
        generate(model, processor, [prefix] * 3, QUESTIONS[:2])


def test_spans_are_whole_and_their_ends_never_precede_their_starts(tiny):
    model, processor = tiny
    prefix = prefix_of(model, processor, build_example())
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        answer = generate(
            model,
            processor,
            prefix,
            QUESTIONS[:1],
            spans=True,
            begins_with_time=True,
            temperature=1.0,
            generator=generator,
            max_new_tokens=42,
        )[0]
        text = ranking.written_text(processor, answer, 20.0)
        spans = find_spans(text)
        assert text.startswith("<") and spans and all(0 <= start <= end <= 20 for start, end in spans)
        assert len(find_tags(text)) - 2 * len(spans) in (0, 1), "only a cut-off answer may end in an open span"


def test_sampling_follows_its_generator(tiny):
    model, processor = tiny
    prefix = prefix_of(model, processor, build_example())

    def sample(seed):
        generator = torch.Generator().manual_seed(seed)
        return generate(model, processor, prefix, ["No"], temperature=2.0, generator=generator, max_new_tokens=16)[0].ids

    assert sample(0) == sample(0)
    assert len({tuple(sample(seed)) for seed in range(4)}) > 1


def test_nearest_reads_anchors(tiny):
    model, processor = tiny
    prefix = prefix_of(model, processor, build_example())
    answers = [
        generate(model, processor, prefix, QUESTIONS[:1], begins_with_time=True, nearest=nearest, max_new_tokens=1)[0]
        for nearest in (True, False)
    ]
    anchors = model.config.num_temporal_tokens - 1
    assert answers[0].positions[0] * anchors == pytest.approx(round(answers[0].positions[0] * anchors), abs=1e-5)
    assert answers[1].positions[0] * anchors != pytest.approx(round(answers[1].positions[0] * anchors), abs=1e-3)


def test_times_as_text_are_read_back():
    model, processor = build_tiny(time_format="text")
    prefix = prefix_of(model, processor, build_example())
    answer = generate(model, processor, prefix, ["When?"], spans=True, begins_with_time=True, max_new_tokens=5)[0]
    assert answer.times == [] and answer.first_temporal_logits is None and len(answer.ids) <= 5
    ids, positions = processor.encode_answer("<2.5s>-<4s>", 20.0)
    text = ranking.written_text(processor, Generated(ids, positions), 20.0)
    assert ranking.written_moments(text, [], 20.0) == [Moment(2.5, 4.0)]
    assert ranking.alternatives(model, processor, prefix, "When?", answer, 3) == []


def test_grammar():
    dash = (7, 8)  # a tokenizer may need two ids for it
    spans = SpanGrammar(dash, spans=True, begins_with_time=True)
    assert spans.must_be_time and spans.must_be_word is None
    spans.saw_time(0.4)
    assert (spans.must_be_word, spans.must_be_time) == (7, False)
    spans.saw_word(7)
    assert (spans.must_be_word, spans.must_be_time) == (8, False)
    spans.saw_word(8)
    assert (spans.must_be_word, spans.must_be_time, spans.minimum) == (None, True, 0.4)
    spans.saw_time(0.6)
    assert (spans.must_be_word, spans.must_be_time, spans.minimum) == (None, False, 0.0)
    free = SpanGrammar(dash)
    free.saw_time(0.4)
    assert free.must_be_word is None and not free.must_be_time
    free.saw_word(3)  # the time stood alone
    free.saw_word(7)
    free.saw_word(8)
    assert not free.must_be_time and free.minimum == 0.0
    free.saw_time(0.2)
    free.saw_word(7)
    free.saw_word(8)
    assert free.must_be_time and free.minimum == 0.2


def test_moments_carry_the_certainty_of_their_times():
    times = [DecodedTime(0.1, 0.01, 0.9), DecodedTime(0.5, 0.02, 0.8), DecodedTime(0.6, 0.0, 1.0), DecodedTime(0.7, 0.0, 0.5)]
    (moment,) = ranking.written_moments("at <1.00s> it starts, <5.00s>-<6.00s>", times[:1] + times[1:3], 10.0)
    assert moment == Moment(5.0, 6.0, 0.8, pytest.approx(0.2), 0.0)
    text = "<1.00s>-<5.00s> the red circle moves left. <6.00s>-<7.00s> it spins."
    events = ranking.labelled_events(text, ranking.written_moments(text, times, 10.0))
    assert [event.label for event in events] == ["the red circle moves left", "it spins"]
    assert [event.score for event in events] == [pytest.approx(0.72), 0.5]


def test_ranking_is_sorted_without_duplicates_and_puts_the_answer_first():
    own = [Moment(0, 2, 0.5), Moment(4, 6, 0.6)]
    others = [Moment(4.1, 6, 0.9), Moment(8, 9, 0.9), Moment(20, 21, 0.1), Moment(8, 9.2, 0.3)]
    ranked = ranking.rank(own, others, top_k=10)
    assert [(moment.start, moment.score) for moment in ranked] == [(4, 0.6), (0, 0.5), (8, 0.5), (20, 0.1)]
    assert ranking.rank(own, others, top_k=3) == ranked[:3]
    assert ranking.rank(own) == ranked[:2]
    assert ranking.rank([Moment(3, 3, 0.5), Moment(3, 3, 0.4)]) == [Moment(3, 3, 0.5)]


def test_alternatives_are_the_other_peaks_of_the_first_start(tiny):
    model, processor = tiny
    prefix = prefix_of(model, processor, build_example())
    probabilities = torch.tensor([0.05, 0.3, 0.05, 0.02, 0.4, 0.03, 0.05, 0.1])
    answer = Generated(first_temporal_logits=probabilities.log())
    moments = ranking.alternatives(model, processor, prefix, QUESTIONS[0], answer, 5)
    assert len(moments) == 3
    assert [moment.score for moment in moments] == sorted((moment.score for moment in moments), reverse=True)
    window = model.config.decoding_window
    starts = []
    for peak in (1, 4, 7):
        inside = [index for index in range(8) if abs(index - peak) <= window]
        starts.append(20 / 7 * sum(index * probabilities[index].item() for index in inside) / sum(probabilities[inside]).item())
    assert sorted(moment.start for moment in moments) == pytest.approx(starts)
    assert all(moment.start <= moment.end <= 20 and 0 <= moment.score <= 1 for moment in moments)
    # A single peak fed back is the sequence "<start>-", whose end a whole forward pass decodes the same.
    ids, positions = processor.encode_question(QUESTIONS[0], 20.0)
    row = processor.encode(build_example(dialogues=[]))
    best = min(moments, key=lambda moment: abs(moment.start - starts[1]))
    place = best.start / 20
    output = model(
        torch.tensor([row["input_ids"].tolist() + ids + [processor.time_token_id, *processor.dash_ids]]),
        torch.tensor([row["positions"].tolist() + positions + [place, math.nan]], dtype=torch.float64),
        features=row["features"][None],
        frame_positions=row["frame_positions"][None],
    )
    end = model.temporal.decode(output.temporal_logits[0, -1], torch.tensor(place), window=window)
    assert best.end == pytest.approx(end.position.item() * 20, abs=1e-3)


def test_a_domain_knows_its_own(tmp_path):
    generator = torch.Generator().manual_seed(0)
    inside = torch.randn(60, 10, 4, generator=generator) * torch.tensor([1.0, 2.0, 0.1, 1.0])
    domain = Domain.fit(inside[:50])
    assert not any(domain.warnings(video) for video in inside)
    assert domain.warnings(inside[0] + torch.tensor([0.0, 0.0, 3.0, 0.0])) == (WARNING,)
    domain.save(tmp_path)
    assert Domain.load(tmp_path).distance(inside[3]) == pytest.approx(domain.distance(inside[3]))
    assert Domain.load(tmp_path / "none") is None
    with pytest.raises(ValueError, match="two videos"):
        Domain.fit(inside[:1])


def test_threads_are_few_for_a_small_model(monkeypatch):
    from momentor_lib.model import threads

    used = []
    monkeypatch.setattr(threads, "torch", SimpleNamespace(set_num_threads=used.append, get_num_threads=lambda: 16))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    threads.set_threads(1_000_000)
    threads.set_threads(10**9)
    assert used == [1]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    threads.set_threads(1_000_000)
    assert used == [1], "the user's own choice wins"


@pytest.mark.parametrize("how", ["bfloat16", "autocast"])
def test_half_precision_answers(how):
    model, processor = build_tiny(scale=25, seed=3)
    if how == "bfloat16":
        model.bfloat16()
    with torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
        prefix = prefix_of(model, processor, build_example())
        answers = generate(model, processor, prefix, QUESTIONS, spans=True, begins_with_time=True, max_new_tokens=12)
    for answer in answers:
        spans = find_spans(ranking.written_text(processor, answer, 20.0))
        assert spans and all(0 <= start <= end <= 20 for start, end in spans)
        assert all(0 <= time.mass <= 1 and time.std >= 0 for time in answer.times)
