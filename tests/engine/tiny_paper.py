"""Random models of a few thousand parameters, of the classes that the paper's engine uses, saved as their big ones are."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    CLIPConfig,
    CLIPModel,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoProcessor,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    PreTrainedTokenizerFast,
    ResNetConfig,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.grounding_dino.image_processing_pil_grounding_dino import GroundingDinoImageProcessorPil

WORDS = [
    "a",
    "photo",
    "of",
    "person",
    "dog",
    "car",
    "ball",
    "red",
    "circle",
    "the",
    "what",
    "is",
    "in",
    ".",
    ":",
    ",",
    "{",
    "}",
    "user",
    "assistant",
    "one",
    "two",
]
TEMPLATE = "{% for m in messages %}{{ m['content'] }}{% endfor %} assistant :"


def words_tokenizer(*special: str, bert: bool = False) -> PreTrainedTokenizerFast:
    """A word a token."""
    first = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *special]
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(first + WORDS)}, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    if bert:
        core.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", eos_token="[SEP]", cls_token="[CLS]", model_max_length=64
    )


def save_clip(folder: Path) -> Path:
    torch.manual_seed(0)
    tokenizer = words_tokenizer()
    small = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = small | {"vocab_size": len(tokenizer), "max_position_embeddings": 12, "eos_token_id": 3, "pad_token_id": 0, "bos_token_id": 2}
    CLIPModel(CLIPConfig(vision_config=small | {"image_size": 32, "patch_size": 8}, text_config=text, projection_dim=12)).save_pretrained(
        folder
    )
    tokenizer.save_pretrained(folder)
    return folder


def save_dino(folder: Path) -> Path:
    torch.manual_seed(1)
    tokenizer = words_tokenizer(bert=True)
    text = BertConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    backbone = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], layer_type="basic", out_features=["stage2", "stage3", "stage4"]
    )
    config = GroundingDinoConfig(
        backbone_config=backbone,
        text_config=text,
        num_queries=5,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        num_feature_levels=3,
        max_text_len=64,
        disable_custom_kernels=True,
    )
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    pictures = GroundingDinoImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96})
    GroundingDinoProcessor(pictures, tokenizer).save_pretrained(folder)
    return folder


def save_blip(folder: Path) -> Path:
    torch.manual_seed(2)
    tokenizer = words_tokenizer("<image>")
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 16,
    }
    qformer = {
        "vocab_size": 20,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "encoder_hidden_size": 16,
        "cross_attention_frequency": 1,
    }
    text = OPTConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        ffn_dim=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        word_embed_proj_dim=16,
        max_position_embeddings=128,
        eos_token_id=3,
        pad_token_id=0,
        bos_token_id=2,
    )
    config = Blip2Config(vision_config=vision, qformer_config=qformer, text_config=text.to_dict(), num_query_tokens=4)
    config.image_token_index = config.image_token_id = tokenizer.convert_tokens_to_ids("<image>")
    Blip2ForConditionalGeneration(config).save_pretrained(folder)
    pictures = CLIPImageProcessorPil(size={"height": 32, "width": 32}, do_center_crop=False)
    Blip2Processor(pictures, tokenizer, num_query_tokens=4).save_pretrained(folder)
    return folder


def save_chat(folder: Path) -> Path:
    torch.manual_seed(3)
    tokenizer = words_tokenizer()
    tokenizer.chat_template = TEMPLATE
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=2048,
        eos_token_id=3,
        pad_token_id=0,
        bos_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
