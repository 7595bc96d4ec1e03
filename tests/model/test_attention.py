"""Attention weights: rows that sum to one, look at nothing that comes later, and give the answers that come without watching."""

from __future__ import annotations

import pytest
import torch
from tiny_models import build_tiny

from momentor_lib.model.attention import frame_columns, watch_attention
from momentor_lib.model.generation import Conversation
from momentor_lib.model.prefix import prepare_video

QUESTION = "When does this happen: the red circle moves left?"
FRAMES = 6


@pytest.fixture(scope="module")
def tiny():
    model, processor = build_tiny(num_frames=FRAMES, scale=4.0)
    features = torch.randn(FRAMES, model.config.vision_config.hidden_size, generator=torch.Generator().manual_seed(0))
    return model, processor, prepare_video(model, processor, features, torch.linspace(0, 10, FRAMES).tolist(), 10.0)


@torch.no_grad()
def ask(model, processor, video):
    return Conversation(model, [video]).extend(*([part] for part in processor.encode_question(QUESTION, 10.0)))


def test_weights_are_those_of_the_answer_that_is_given_anyway(tiny):
    model, processor, video = tiny
    alone = ask(*tiny)
    with watch_attention(model) as passes:
        watched = ask(*tiny)
        ask(*tiny)
    for one, other in zip(alone, watched, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    count = len(processor.encode_question(QUESTION, 10.0)[0])
    assert [tuple(weights.shape) for weights in passes] == [(2, 1, 4, count, video.length + count)] * 2
    torch.testing.assert_close(passes[0].sum(-1), torch.ones(2, 1, 4, count))
    later = torch.ones(count, count).triu(1).bool()
    assert passes[0][..., video.length :][..., later].max() == 0
    assert passes[0][..., : video.length].min() > 0


def test_the_first_layers_weights_follow_from_its_own_projections(tiny):
    """By hand: keys of the frames from the cache, the question's queries turned by their positions."""
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    model, processor, video = tiny
    with watch_attention(model) as passes:
        ask(*tiny)
    ids, positions = processor.encode_question(QUESTION, 10.0)
    decoder = model.language_model.get_decoder()
    layer = decoder.layers[0]
    with torch.no_grad():
        embeds = model.splice(torch.tensor([ids]), torch.tensor([positions]))
        hidden = layer.input_layernorm(embeds)
        angles = decoder.rotary_emb(hidden, torch.arange(video.length, video.length + len(ids))[None])
        size = layer.self_attn.head_dim
        queries, keys = (
            part(hidden).unflatten(-1, (-1, size)).transpose(1, 2) for part in (layer.self_attn.q_proj, layer.self_attn.k_proj)
        )
        queries, keys = apply_rotary_pos_emb(queries, keys, *angles)
        keys = torch.cat((video.layers[0][0], keys), dim=2).repeat_interleave(2, dim=1)  # two heads share a key
        scores = (queries[:, :, -1:] @ keys.mT) * size**-0.5
    torch.testing.assert_close(passes[0][0, :, :, -1:], scores.softmax(-1), atol=1e-5, rtol=1e-4)


def test_the_model_is_left_as_it_was_even_by_an_error(tiny):
    model = tiny[0]
    before = model.language_model.config._attn_implementation
    with pytest.raises(RuntimeError), watch_attention(model):
        assert model.language_model.config._attn_implementation == "eager"
        raise RuntimeError
    assert model.language_model.config._attn_implementation == before == "packed_sdpa"
    with watch_attention(model) as passes:
        pass
    ask(*tiny)
    assert passes == []


def test_frame_columns_are_the_video_tokens(tiny):
    _, processor, video = tiny
    columns = frame_columns(processor, FRAMES)
    ids = processor.encode_prefix(FRAMES)
    assert len(ids) == video.length and [ids[column] for column in columns] == [processor.video_token_id] * FRAMES
    assert columns == list(range(columns[0], columns[0] + FRAMES))
