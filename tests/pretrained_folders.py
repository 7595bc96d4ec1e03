"""Random pretrained parts, saved in the formats in which people find them: what the loading code is run on."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tiny_models import build_tokenizer
from torch import Tensor, nn
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerBase,
)

SIZES = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = CLIPVisionConfig(**SIZES, image_size=16, patch_size=8)
MEAN, STD = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]


def random_llama(config: LlamaConfig | None = None, seed: int = 0) -> tuple[LlamaForCausalLM, PreTrainedTokenizerBase]:
    """A random LLaMA and a tokenizer, which has its vocabulary; by default of a few thousand parameters."""
    torch.manual_seed(seed)
    tokenizer = build_tokenizer(ours=())
    config = config or LlamaConfig(**SIZES, num_key_value_heads=1, bos_token_id=None, eos_token_id=1, pad_token_id=0)
    config.vocab_size = len(tokenizer)
    return LlamaForCausalLM(config).eval(), tokenizer


def write_clip(folder: Path, vision: CLIPVisionConfig = VISION, seed: int = 0) -> CLIPModel:
    """A whole CLIP with its ``preprocessor_config.json``."""
    torch.manual_seed(seed)
    text = {**SIZES, "vocab_size": 50, "max_position_embeddings": 8, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    clip = CLIPModel(CLIPConfig(text_config=text, vision_config=vision.to_dict(), projection_dim=8)).eval()
    clip.save_pretrained(folder)
    CLIPImageProcessorPil(image_mean=MEAN, image_std=STD).save_pretrained(folder)
    return clip


def write_llama(folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase) -> None:
    """LLaMA, Vicuna, SmolLM2: as transformers saves them."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def write_llama_bin(folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase) -> None:
    """Vicuna as it lies on the hub: pickled shards, with buffers of an older transformers among the weights."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(_flat_config(model, "llama", "LlamaForCausalLM")))
    weights = model.state_dict() | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)}
    _write_shards(folder, weights, "pytorch_model", "bin")
    tokenizer.save_pretrained(folder)


def write_llava_of_transformers(folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase) -> None:
    """LLaVA as transformers saves it: the language model's configuration inside, its weights under a name."""
    whole = LlavaForConditionalGeneration(LlavaConfig(vision_config=VISION.to_dict(), text_config=model.config.to_dict()))
    whole.model.language_model.load_state_dict(model.model.state_dict())
    whole.lm_head.load_state_dict(model.lm_head.state_dict())
    whole.save_pretrained(folder, max_shard_size="20KB")
    tokenizer.save_pretrained(folder)


def write_llava_of_transformers_now(folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase) -> None:
    """The same with the names that its parts have in transformers now."""
    folder.mkdir()
    config = LlavaConfig(vision_config=VISION.to_dict(), text_config=model.config.to_dict())
    (folder / "config.json").write_text(config.to_json_string())
    names = {name: name.replace("model.", "model.language_model.", 1) for name in model.state_dict()}
    weights = {names[name]: tensor for name, tensor in model.state_dict().items()}
    weights |= {f"model.vision_tower.{name}": tensor for name, tensor in CLIPVisionModel(VISION).state_dict().items()}
    save_file(_whole(weights), folder / "model.safetensors", {"format": "pt"})
    tokenizer.save_pretrained(folder)


def write_llava(folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase) -> None:
    """LLaVA in its own layout: a LLaMA's configuration and weights with those of the image parts among them, sharded safetensors."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(_flat_config(model, "llava", "LlavaLlamaForCausalLM")))
    _write_shards(folder, model.state_dict() | _image_parts(model), "model", "safetensors")
    tokenizer.save_pretrained(folder)


def write_video_chatgpt(folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase) -> None:
    """Video-ChatGPT: the same under another name, pickled shards."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(_flat_config(model, "VideoChatGPT", "VideoChatGPTLlamaForCausalLM")))
    _write_shards(folder, model.state_dict() | _image_parts(model), "pytorch_model", "bin")
    tokenizer.save_pretrained(folder)


LANGUAGE_WRITERS = {
    "llama": write_llama,
    "llama, pickled": write_llama_bin,
    "LLaVA of transformers": write_llava_of_transformers,
    "LLaVA of transformers, its names now": write_llava_of_transformers_now,
    "LLaVA": write_llava,
    "Video-ChatGPT": write_video_chatgpt,
}


def projector(width: int, feature_width: int = VISION.hidden_size) -> nn.Linear:
    """The linear projector that the LLaVA writers put beside the language model."""
    torch.manual_seed(7)
    return nn.Linear(feature_width, width)


def _flat_config(model: LlamaForCausalLM, model_type: str, architecture: str) -> dict:
    """As an older transformers wrote it, with LLaVA's own fields."""
    fields = model.config.to_dict()
    rope = fields.pop("rope_parameters")
    for name in ("dtype", "transformers_version", "head_dim"):
        fields.pop(name, None)
    fields |= {"model_type": model_type, "architectures": [architecture], "torch_dtype": "float16", "rope_theta": rope["rope_theta"]}
    if model_type != "llama":
        fields |= {"mm_vision_tower": "openai/clip-vit-large-patch14", "mm_hidden_size": VISION.hidden_size, "tune_mm_mlp_adapter": False}
    return fields


def _image_parts(model: LlamaForCausalLM) -> dict[str, Tensor]:
    parts = {f"model.mm_projector.{name}": tensor for name, tensor in projector(model.config.hidden_size).state_dict().items()}
    tower = CLIPVisionModel(VISION).state_dict()
    return parts | {f"model.vision_tower.vision_tower.vision_model.{name}": tensor for name, tensor in tower.items()}


def _whole(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone().contiguous() for name, tensor in weights.items()}


def _write_shards(folder: Path, weights: dict[str, Tensor], stem: str, suffix: str) -> None:
    """Two shards with their index."""
    names, where = sorted(weights), {}
    for number, part in enumerate((names[: len(names) // 2], names[len(names) // 2 :]), start=1):
        file = f"{stem}-{number:05}-of-00002.{suffix}"
        tensors = _whole({name: weights[name] for name in part})
        if suffix == "bin":
            torch.save(tensors, folder / file)
        else:
            save_file(tensors, folder / file, {"format": "pt"})
        where |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": sum(tensor.nbytes for tensor in weights.values())}, "weight_map": where}
    (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps(index))
