"""Random models of a few thousand parameters, and the tokenizer that they share: what tests of the model are run on."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import CLIPVisionConfig, LlamaConfig, PreTrainedTokenizerFast

from momentor_lib import prompts
from momentor_lib.model.config import MomentorConfig
from momentor_lib.model.momentor import Momentor
from momentor_lib.model.processing import MomentorProcessor, VideoExample

IMAGE_SIZE, VISION_WIDTH = 16, 12
DIALOGUES = [
    [("When does this happen: the red circle moves left?", "<2.5s>-<7.25s>")],
    [("What happens in <1s>-<4s>?", "the green star spins")],
    [("Is it there at <0s>?", "yes, until <20s>."), ("And at <20s>?", "no")],
    [("List every event in order.", "<2.5s>-<7.25s> the red circle moves left. <10s>-<20s> the green star spins.")],
]


def build_tokenizer(vocab_size: int = 400, ours: tuple[str, ...] = ("<video>", "<time>")) -> PreTrainedTokenizerFast:
    """A byte-level BPE with <pad>, </s>, and our own <video> and <time>."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    texts = [
        prompts.SYSTEM,
        prompts.GROUND,
        prompts.EVENTS,
        prompts.CAPTION,
        " USER: ASSISTANT:",
        "the red circle moves left, green star spins",
    ]
    special = ["<pad>", "</s>", *ours]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(texts * 5, trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=special, initial_alphabet=alphabet))
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="</s>", additional_special_tokens=list(ours))


def build_tiny(
    *, num_frames: int = 6, num_temporal_tokens: int = 8, time_format: str = "tags", seed: int = 0, scale: float = 1.0, **switches
) -> tuple[Momentor, MomentorProcessor]:
    """A random Momentor and its processor. ``scale`` above 1 spreads its weights, so that its answers are less monotonous."""
    torch.manual_seed(seed)
    processor = MomentorProcessor(build_tokenizer(), IMAGE_SIZE, [0.5] * 3, [0.25] * 3, num_frames, time_format)
    vision = CLIPVisionConfig(
        hidden_size=VISION_WIDTH, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=IMAGE_SIZE, patch_size=8
    )
    text = LlamaConfig(
        vocab_size=len(processor.tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
        initializer_range=0.02 * scale,
    )
    config = MomentorConfig(
        vision,
        text,
        num_temporal_tokens=num_temporal_tokens,
        num_frames=num_frames,
        time_format=time_format,
        video_token_id=processor.video_token_id,
        time_token_id=processor.time_token_id,
        initializer_range=0.02 * scale,
        **switches,
    )
    return Momentor(config).eval(), processor


def build_example(num_frames: int = 6, duration: float = 20.0, dialogues=DIALOGUES, seed: int = 0) -> VideoExample:
    """A video of random features, with its instructions."""
    features = torch.randn(num_frames, VISION_WIDTH, generator=torch.Generator().manual_seed(seed))
    times = torch.linspace(0, duration, num_frames, dtype=torch.float64).tolist()
    return VideoExample(times, duration, dialogues, features=features)
