"""Momentor: a frame encoder, a linear projection, the temporal perception module and a language model.

Paper: section 3.1 and figure 2. ``forward`` is the whole way; each of its steps is a method that can be called by itself.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForCausalLM, PreTrainedModel
from transformers.cache_utils import Cache

from momentor_lib.model.adapter import find_base, load_adapter, remove_adapter_files, save_adapter
from momentor_lib.model.config import MomentorConfig
from momentor_lib.model.feed_forward import keep_less
from momentor_lib.model.four_bit import four_bit_config
from momentor_lib.model.lora import has_lora
from momentor_lib.model.loss import Targets, summed_loss
from momentor_lib.model.motion import MotionProjection
from momentor_lib.model.output import MomentorOutput, scale_logits
from momentor_lib.model.packed_attention import arguments, attend_in_pieces
from momentor_lib.model.temporal import Tables, TemporalPerceptionModule

FRAMES_AT_ONCE = 64  # frames that go through the frame encoder together: bounds memory, not speed


class Momentor(PreTrainedModel):
    """A Video-LLM that reads and writes continuous times.

    Args:
        config: sizes and switches.
        vision_model: the frame encoder, a vision tower with a ``pooler_output``; built from ``config.vision_config`` when None.
        language_model: a causal language model of transformers; built from ``config.text_config`` when None.

    Letters: B batch, T frames, L tokens, D_v and D widths, V vocabulary, N anchors. The frame encoder is frozen from the start; see
    :meth:`set_trainable`.
    """

    config_class = MomentorConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    accepts_loss_kwargs = True  # the Trainer then hands over num_items_in_batch
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = False  # packed blocks need a mask of their own

    def __init__(self, config: MomentorConfig, vision_model: PreTrainedModel | None = None, language_model: PreTrainedModel | None = None):
        super().__init__(config)
        self.vision_model = vision_model or AutoModel.from_config(config.vision_config)
        self.language_model = language_model or AutoModelForCausalLM.from_config(config.text_config)
        attend_in_pieces(self.language_model)
        keep_less(self.language_model)
        # One object for each part's configuration: resizing the vocabulary shows in what is saved.
        config.vision_config, config.text_config = self.vision_model.config, self.language_model.config
        width = config.text_config.hidden_size
        self.projection = nn.Linear(config.vision_config.hidden_size, width)  # D_v -> D
        neighbours = config.motion_neighbours
        self.motion = MotionProjection(config.vision_config.hidden_size, width, neighbours) if neighbours else None
        switches = {"interpolation": config.interpolation, "propagation": config.propagation, "infusion": config.infusion}
        self.temporal = TemporalPerceptionModule(config.num_temporal_tokens, width, **switches)
        self.post_init()
        self.set_trainable()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, TemporalPerceptionModule):
            for tokens in (module.input_tokens, module.output_tokens):
                if not getattr(tokens, "_is_hf_initialized", False):
                    nn.init.normal_(tokens, std=self.config.initializer_range)
        else:
            super()._init_weights(module)

    def set_trainable(self, *, vision: bool = False, language: bool = True, projection: bool = True, temporal: bool = True) -> None:
        """Say which parts train; the others get no gradient. Paper: projection and TPM train, language model and frame encoder do not."""
        self.vision_model.requires_grad_(vision)
        self.language_model.requires_grad_(language)
        self.projection.requires_grad_(projection)
        if self.motion is not None:
            self.motion.requires_grad_(projection)
        self.temporal.requires_grad_(temporal and self.config.time_format == "tags")

    def get_input_embeddings(self) -> nn.Module:
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.language_model.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        return self.language_model.get_output_embeddings()

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.language_model.set_output_embeddings(new_embeddings)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *args, adapter: str | Path | None = None, four_bit: bool = False, **kwargs):
        """A whole model's folder, with an ``adapter``'s put onto it; or an adapter's folder, whose base is then found.

        Raises:
            ValueError: an adapter of a model of other sizes, or no GPU for ``four_bit`` (4-bit weights in the language model).
        """
        base, adapter = find_base(pretrained_model_name_or_path, adapter)
        quantised = {"quantization_config": four_bit_config()} if four_bit else {}
        model = super().from_pretrained(base, *args, **kwargs, **quantised)
        model.set_trainable(language=getattr(model, "hf_quantizer", None) is None)  # loading makes new parameters, which all train
        return model if adapter is None else load_adapter(model, adapter)

    def save_pretrained(self, save_directory, is_main_process: bool = True, state_dict: dict | None = None, **kwargs) -> None:
        """Save the whole model or, with LoRA inside, its adapter only, as transformers does. :meth:`from_pretrained` reads both."""
        if not has_lora(self):
            super().save_pretrained(save_directory, is_main_process, state_dict, **kwargs)
            remove_adapter_files(save_directory)
        elif is_main_process:
            save_adapter(self, save_directory, state_dict=state_dict)

    # -- the steps, in their order ---------------------------------------------------------------------------------------------------

    def encode_frames(self, pixel_values: Tensor) -> Tensor:
        """Normalised pixels [B, T, 3, H, W] -> frame features [B, T, D_v]: ``pooler_output``, before CLIP's own projection."""
        frames = pixel_values.flatten(0, 1)  # [B*T, 3, H, W]
        trains = self.training and any(parameter.requires_grad for parameter in self.vision_model.parameters())
        with torch.set_grad_enabled(trains and torch.is_grad_enabled()):
            pooled = [self.vision_model(pixel_values=part).pooler_output for part in frames.split(FRAMES_AT_ONCE)]
        return torch.cat(pooled).unflatten(0, pixel_values.shape[:2])  # [B, T, D_v]

    def infuse_time(self, features: Tensor, frame_positions: Tensor, tables: Tables | None = None) -> Tensor:
        """Frame features [B, T, D_v] at positions [B, T] -> video tokens [B, T, D]. Padding frames have the position NaN."""
        features = features.to(self.projection.weight.dtype)
        projected = self.projection(features)  # [B, T, D]
        if self.motion is not None:
            projected = projected + self.motion(features, ~frame_positions.isnan())
        if self.config.time_format == "text":
            return projected
        return self.temporal.infuse(projected, frame_positions.nan_to_num(0.0), tables)

    def splice(
        self,
        input_ids: Tensor,
        positions: Tensor | None = None,
        video: Tensor | None = None,
        frame_positions: Tensor | None = None,
        tables: Tables | None = None,
    ) -> Tensor:
        """Token ids [B, L] -> embeddings [B, L, D], with video tokens at ``<video>`` and T_in at ``<time>``.

        Raises:
            ValueError: the number of ``<video>`` tokens is not the number of frames.
        """
        is_video, is_time = input_ids == self.config.video_token_id, input_ids == self.config.time_token_id
        # Their own ids may lie past the vocabulary, and their rows are never used.
        embeds = self.get_input_embeddings()(input_ids.masked_fill(is_video | is_time, 0))  # [B, L, D]
        if video is not None:
            tokens = video.flatten(0, 1) if frame_positions is None else video[~frame_positions.isnan()]  # [frames, D]
            if int(is_video.sum()) != tokens.shape[0]:
                raise ValueError(f"{int(is_video.sum())} <video> tokens for {tokens.shape[0]} frames: one token a frame is needed")
            embeds = embeds.masked_scatter(is_video.unsqueeze(-1), tokens.to(embeds.dtype))
        elif is_video.any():
            raise ValueError("the text has <video> tokens, but neither features nor pixel_values were given")
        if positions is not None and is_time.any():
            times = self.temporal.embed(positions[is_time], None if tables is None else tables.input)  # [times, D]
            embeds = embeds.masked_scatter(is_time.unsqueeze(-1), times.to(embeds.dtype))
        return embeds

    def run_language_model(
        self,
        embeds: Tensor,
        mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        block_ids: Tensor | None = None,
    ) -> Tensor:
        """Embeddings [B, L, D] -> hidden states [B, L, D] after the last norm.

        Args:
            mask: who sees whom, True where token i sees token j [B, 1, L, tokens in the cache + L]; None is causal.
            position_ids: [B, L]; by default they count on from the cache.
            past_key_values: a cache, which is extended.
            block_ids: [B, L]; instead of mask and position ids, which follow from them.

        Raises:
            ValueError: the language model's attention takes no such mask (flash attention).
        """
        who_sees_whom = arguments(self.config.text_config._attn_implementation, embeds.dtype, mask, position_ids, block_ids)
        decoder, cached = self.language_model.get_decoder(), past_key_values is not None
        return decoder(inputs_embeds=embeds, past_key_values=past_key_values, use_cache=cached, **who_sees_whom).last_hidden_state

    def logits(self, hidden: Tensor, tables: Tables | None = None) -> tuple[Tensor, Tensor | None]:
        """Hidden states [..., D] -> vocabulary logits [..., V] and temporal logits [..., N] (None with times as text)."""
        words = scale_logits(self.get_output_embeddings()(hidden), self.config.text_config)
        return words, None if self.config.time_format == "text" else self.temporal.logits(hidden, tables)

    def loss(self, hidden: Tensor, labels: Tensor, positions: Tensor | None, tables: Tables, num_items: Tensor | int | None) -> Tensor:
        """Mean cross-entropy over V + N of the labelled tokens.

        Hidden states at t predict the label at t + 1. Divided by ``num_items`` (labelled tokens of the whole, possibly accumulated,
        batch) or, when None, by this batch's own: never a sum, and 0 rather than NaN where nothing is labelled.
        """
        labelled = labels[:, 1:] != -100  # [B, L-1]
        hidden, labels = hidden[:, :-1][labelled], labels[:, 1:][labelled]  # [K, D], [K]
        is_time = labels == self.config.time_token_id
        places = torch.zeros(labels.shape, device=labels.device) if positions is None else positions[:, 1:][labelled]
        floor, remainder = self.temporal.anchors(places.masked_fill(~is_time, 0.0))
        total = summed_loss(
            hidden,
            Targets(labels.masked_fill(is_time, 0), is_time, floor, remainder),
            logits=lambda part: self.logits(part, tables),
            parameters=[*self.get_output_embeddings().parameters(), *([] if self.config.time_format == "text" else [tables.output])],
            num_classes=self.config.text_config.vocab_size + self.config.num_temporal_tokens,
        )
        return total / (max(labels.shape[0], 1) if num_items is None else num_items)

    def forward(
        self,
        input_ids: Tensor,
        positions: Tensor | None = None,
        features: Tensor | None = None,
        pixel_values: Tensor | None = None,
        frame_positions: Tensor | None = None,
        labels: Tensor | None = None,
        block_ids: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
    ) -> MomentorOutput:
        """The whole way from ids and frames to a loss, or to logits.

        Args:
            input_ids: token ids [B, L]; a video stands as T ``<video>`` ids, a time as one ``<time>`` id.
            positions: position in [0, 1] of each ``<time>`` [B, L], NaN elsewhere.
            features: frame features [B, T, D_v], or
            pixel_values: normalised pixels [B, T, 3, H, W] to make them from.
            frame_positions: positions of the frames [B, T], NaN where a video is padded; by default uniform, from 0 to 1.
            labels: ids to learn [B, L], -100 where nothing is to be learned.
            block_ids: 0 prefix, 1..K blocks, -1 padding [B, L]; by default one causal sequence.
            num_items_in_batch: what the loss is divided by; by default the labelled tokens of this batch.
        """
        tables = self.temporal.tables()
        if features is None and pixel_values is not None:
            features = self.encode_frames(pixel_values)  # [B, T, D_v]
        video = None
        if features is not None:
            if frame_positions is None:
                steps = torch.linspace(0, 1, features.shape[1], dtype=torch.float64, device=features.device)
                frame_positions = steps.expand(features.shape[:2])
            video = self.infuse_time(features, frame_positions, tables)  # [B, T, D]
        embeds = self.splice(input_ids, positions, video, frame_positions, tables)  # [B, L, D]
        hidden = self.run_language_model(embeds, block_ids=block_ids)  # [B, L, D]
        if labels is not None:
            return MomentorOutput(loss=self.loss(hidden, labels, positions, tables, num_items_in_batch))
        words, times = self.logits(hidden, tables)  # [B, L, V], [B, L, N]
        return MomentorOutput(logits=words, temporal_logits=times)
