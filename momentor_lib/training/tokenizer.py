"""The tiny model's tokenizer: byte-level BPE, learned from toy dialogues, so that a toy word is one token and any other text still fits."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from momentor_lib import prompts
from momentor_lib.timecode import TAG_PATTERN

SPECIAL = ["<pad>", "</s>", "<video>", "<time>"]
VOCABULARY = 640


def train_tokenizer(texts: Iterable[str], vocabulary: int = VOCABULARY) -> PreTrainedTokenizerFast:
    """Learn the tokens of some texts; time tags in them are left out, since each will be one ``<time>``."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    frame = [f"{prompts.SYSTEM} USER: \n", " USER: ASSISTANT:"] * 100
    core.train_from_iterator([*frame, *(f" {piece}" for text in texts for piece in TAG_PATTERN.split(text)[::2])], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="</s>", additional_special_tokens=SPECIAL[2:], model_max_length=2048
    )
