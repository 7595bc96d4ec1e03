"""The predictor on a random model and a real video file; presets and where models come from."""

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from tiny_models import build_example, build_tiny, build_tokenizer
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, LlamaConfig, LlamaForCausalLM

from momentor_lib.model import presets
from momentor_lib.model.domain import WARNING, Domain
from momentor_lib.model.processing import MomentorProcessor
from momentor_lib.moments import Answer
from momentor_lib.predictor import Predictor
from momentor_lib.timecode import find_spans, format_span
from momentor_lib.video import Frames, VideoError

SECONDS = 4.0


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    """Four seconds in which the picture gets brighter."""
    path = tmp_path_factory.mktemp("videos") / "ramp.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for index in range(40):
            picture = np.full((32, 48, 3), 6 * index, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def parts():
    return build_tiny(scale=25, seed=3)


@pytest.fixture
def predictor(parts, video) -> Predictor:
    return Predictor(parts).set_video(video)


@pytest.fixture(autouse=True)
def short_answers(monkeypatch):
    """A random model seldom ends its answers."""
    from momentor_lib.model.generation import generate

    monkeypatch.setitem(generate.__wrapped__.__kwdefaults__, "max_new_tokens", 20)


def test_set_video(predictor, video):
    assert predictor.duration == pytest.approx(SECONDS) and predictor.video_path == video
    assert isinstance(predictor.frames, Frames) and len(predictor.frames) == 6
    assert predictor.frames.pixels.shape[2] == 16, "the short side is the frame encoder's"


def test_ground(predictor):
    answer = predictor.ground("the red circle moves left?")
    assert isinstance(answer, Answer) and answer.question == "the red circle moves left?" and answer.warnings == ()
    spans = find_spans(answer.text)
    assert spans and "</s>" not in answer.text
    assert {(moment.start, moment.end) for moment in answer.moments} <= set(spans)
    scores = [moment.score for moment in answer.moments]
    assert scores == sorted(scores, reverse=True) and all(0 <= score <= 1 for score in scores)
    assert all(0 <= moment.start <= moment.end <= SECONDS and moment.start_std >= 0 for moment in answer.moments)


def test_many_queries_get_the_answers_of_each(predictor):
    queries = ["a", "the red circle moves left", "", "the green star spins and then grows"]
    many = predictor.ground_many(queries, top_k=3)
    assert predictor.ground_many([]) == []
    for query, answer in zip(queries, many, strict=True):
        alone = predictor.ground(query, top_k=3)
        assert answer.question == query and len(answer.moments) == len(alone.moments)
        for one, other in zip(answer.moments, alone.moments, strict=True):
            assert (one.start, one.end, one.score) == pytest.approx((other.start, other.end, other.score), abs=1e-3)


def test_nearest_reads_anchors(predictor):
    (first, *_), steps = find_spans(predictor.ground("a", nearest=True).text), predictor.model.config.num_temporal_tokens - 1
    assert first[0] / SECONDS * steps == pytest.approx(round(first[0] / SECONDS * steps), abs=1e-4)


def test_top_k(predictor):
    own = predictor.ground("x").moments
    for top_k in (1, 2, 4):
        moments = predictor.ground("x", top_k=top_k).moments
        assert len(moments) <= top_k and moments[: len(own)] == own[:top_k]
        scores = [moment.score for moment in moments]
        assert scores == sorted(scores, reverse=True)
    with pytest.raises(ValueError, match="1 or more"):
        predictor.ground("x", top_k=0)


@pytest.mark.parametrize("query", ["{braces} and {}", "<video> </s> <time>", "at <1s>-<2s>?", "", "é 日本"])
def test_odd_queries(predictor, query):
    assert predictor.ground(query).moments


def test_the_same_question_gets_the_same_answer(predictor, parts, video):
    first = [predictor.ground("a"), predictor.ask("Who at <1s>?"), predictor.caption(), predictor.caption(1, 2)]
    again = [predictor.ground("a"), predictor.ask("Who at <1s>?"), predictor.caption(), predictor.caption(1, 2)]
    fresh = Predictor(parts).set_video(video)
    assert first == again == [fresh.ground("a"), fresh.ask("Who at <1s>?"), fresh.caption(), fresh.caption(1, 2)]


def test_caption_and_events(predictor):
    events = predictor.events()
    whole = predictor.caption()
    assert events == whole.moments and [(event.start, event.end) for event in events] == find_spans(whole.text)
    segment = predictor.caption(1.0, 2.5)
    (moment,) = segment.moments
    assert (moment.start, moment.end, moment.label) == (1.0, 2.5, segment.text)
    assert format_span(1.0, 2.5) in segment.question
    assert predictor.caption(end=2.5).moments[0].start == 0 and predictor.caption(start=1).moments[0].end == predictor.duration
    for start, end in ((2, 1), (-1, 2), (3, 5), (1, 1)):
        with pytest.raises(ValueError, match="inside the video"):
            predictor.caption(start, end)


def test_frames_can_be_given(parts, video, predictor):
    other = Predictor(parts).set_video(predictor.frames)
    assert other.video_path is None and other.ground("a") == predictor.ground("a")


def test_a_video_must_be_set(parts):
    for question in (lambda p: p.ground("a"), lambda p: p.ask("a"), lambda p: p.events()):
        with pytest.raises(ValueError, match="call set_video first"):
            question(Predictor(parts))


def test_a_bad_video_leaves_the_one_before(predictor, tmp_path):
    expected = predictor.ground("a")
    (tmp_path / "no.mp4").write_text("not a video")
    with pytest.raises(VideoError):
        predictor.set_video(tmp_path / "no.mp4")
    assert predictor.ground("a") == expected


def save(parts, folder: Path) -> Path:
    model, processor = parts
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def test_a_saved_folder_answers_alike_and_warns_outside_its_domain(parts, predictor, video, tmp_path):
    folder = save(parts, tmp_path / "model")
    Domain.fit(torch.randn(8, 6, 12) + 100).save(folder)
    loaded = Predictor(folder).set_video(video)
    answer = loaded.ground("a")
    assert answer.moments == predictor.ground("a").moments
    assert answer.warnings == (WARNING,) == loaded.ask("a").warnings == loaded.caption().warnings


def test_unknown_models_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"no model 'huge': there is no such folder; name a preset \(tiny, colab, paper\)"):
        Predictor("huge")
    with pytest.raises(ValueError, match=r"it holds no momentor_processor.json"):
        presets.load(tmp_path)
    with pytest.raises(ValueError, match="unknown preset 'huge'; the presets are tiny, colab, paper"):
        presets.build("huge", build_tokenizer())


def test_a_preset_without_network_is_one_line():
    with pytest.raises(ValueError, match=r"preset 'colab' needs openai/clip-vit-base-patch32 and HuggingFaceTB") as error:
        presets.load("colab")  # the tests run offline
    assert "\n" not in str(error.value)


def test_presets_are_the_papers_sizes():
    paper, colab = presets.paper(), presets.colab()
    assert (paper.num_temporal_tokens, paper.num_frames) == (300, 300)
    assert (paper.vision_config.hidden_size, paper.vision_config.num_hidden_layers, paper.vision_config.patch_size) == (1024, 24, 14)
    assert (paper.text_config.hidden_size, paper.text_config.num_hidden_layers) == (4096, 32)
    assert (colab.vision_config.patch_size, colab.text_config.hidden_size, colab.text_config.num_hidden_layers) == (32, 576, 30)
    with torch.device("meta"):
        sizes = {"colab": (134_515_008, colab), "paper": (6_738_415_616, paper)}  # SmolLM2-135M's and LLaMA-7B's own counts
        for expected, config in sizes.values():
            assert LlamaForCausalLM(config.text_config).num_parameters() == expected


def test_build_tiny():
    model, processor = presets.build("tiny", build_tokenizer(ours=()))
    assert model.num_parameters() < 4_000_000
    assert model.config.text_config.vocab_size == len(processor.tokenizer) > processor.time_token_id == model.config.time_token_id
    example = build_example(4)
    example.features = torch.randn(4, model.config.vision_config.hidden_size)
    assert model(**processor.collate([processor.encode(example)])).loss.isfinite()


def test_any_two_pretrained_parts_make_a_momentor(tmp_path):
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**sizes, "vocab_size": 50, "max_position_embeddings": 8, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    clip = CLIPModel(CLIPConfig(text_config=text, vision_config={**sizes, "image_size": 16, "patch_size": 8}, projection_dim=8))
    clip.save_pretrained(tmp_path / "clip")
    CLIPImageProcessorPil(image_mean=[0.1, 0.2, 0.3], image_std=[0.4, 0.5, 0.6]).save_pretrained(tmp_path / "clip")
    tokenizer = build_tokenizer(ours=())
    language = LlamaForCausalLM(LlamaConfig(**sizes, vocab_size=len(tokenizer), pad_token_id=0, bos_token_id=None, eos_token_id=1))
    language.save_pretrained(tmp_path / "language")
    tokenizer.save_pretrained(tmp_path / "language")
    model, processor = presets.from_backbones(tmp_path / "clip", tmp_path / "language", num_temporal_tokens=8, num_frames=4)
    assert isinstance(processor, MomentorProcessor) and processor.image_std == [0.4, 0.5, 0.6] and processor.image_size == 16
    pixels = torch.randn(2, 3, 16, 16)
    expected = clip.vision_model(pixel_values=pixels).pooler_output
    torch.testing.assert_close(model.encode_frames(pixels[None])[0], expected.detach())
    ids = torch.randint(0, len(tokenizer), (1, 5))
    torch.testing.assert_close(model(ids).logits, language(ids).logits)
    # <video> and <time> lie past the language model's vocabulary, which stays as it was pretrained.
    assert model.config.video_token_id >= model.config.text_config.vocab_size
    frames = Frames(np.zeros((4, 3, 16, 16), np.uint8), np.array([0.0, 1.0, 2.0, 3.0]), 3.0)
    answer = Predictor((model, processor)).set_video(frames).ground("a")
    assert answer.moments
    folder = save((model, processor), tmp_path / "both")
    assert Predictor(folder).set_video(frames).ground("a") == answer


def test_features_say_the_same_as_the_pixels_that_they_come_from(parts, video):
    from momentor_lib.extract import FrameEncoder

    seen = Predictor(parts).set_video(video)
    found = FrameEncoder(parts).encode(seen.frames)
    told = Predictor(parts).set_features(found, seen.frames.times, seen.duration)
    assert told.frames is None
    assert told.video_path is None
    assert told.duration == seen.duration
    assert told.ground("the red circle moves left") == seen.ground("the red circle moves left")


def test_features_of_another_width_or_without_times_are_refused(parts):
    with pytest.raises(ValueError, match=r"features must be \[frames, 12\] with a time each, not \[4, 3\] with 4 times"):
        Predictor(parts).set_features(torch.zeros(4, 3), [0.0, 1.0, 2.0, 3.0], 4.0)
    with pytest.raises(ValueError, match="with 2 times"):
        Predictor(parts).set_features(torch.zeros(4, 12), [0.0, 1.0], 4.0)


def test_an_answer_without_a_span_names_no_event():
    from momentor_lib.model.ranking import labelled_events
    from momentor_lib.moments import Moment

    assert labelled_events("nothing happens", []) == []
    assert labelled_events("", []) == []
    said = "<1.00s>-<2.00s> the red circle spins. <3.00s>-<4.00s> the moon grows."
    assert [one.label for one in labelled_events(said, [Moment(1.0, 2.0), Moment(3.0, 4.0)])] == ["the red circle spins", "the moon grows"]
