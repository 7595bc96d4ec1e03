"""MomentorConfig: everything that fixes a Momentor's shape, and how it reads a time out."""

from __future__ import annotations

import copy

from transformers import AutoConfig, PreTrainedConfig

TIME_FORMATS = ("tags", "text")


class MomentorConfig(PreTrainedConfig):
    """Configuration of a :class:`~momentor_lib.model.momentor.Momentor`.

    Args:
        vision_config: the frame encoder's configuration (CLIP's or SigLIP's vision tower), or a dict of it.
        text_config: the language model's configuration (any decoder-only model of transformers), or a dict of it.
        num_temporal_tokens: N, the anchors of the temporal token space. Paper: 300.
        num_frames: M, frames sampled from a video. Paper: 300. Need not be N.
        interpolation: between two anchors; off, a time goes to its nearest anchor (ablation).
        propagation: neighbouring token propagation while training (ablation).
        infusion: temporal embeddings added to frame features (ablation).
        motion_neighbours: K, neighbours to each side whose difference from a frame is projected too and added to its token. Paper: 0.
            Departure: ``tiny`` has 4, so that it need not find the comparison of frames first; not ablated yet.
        time_format: ``"tags"``, a time is one temporal token; ``"text"``, a time is digits, without the TPM's logits.
        video_token_id, time_token_id: ids of ``<video>`` and ``<time>`` in the tokenizer. They may lie past the language model's
            vocabulary: both are replaced by embeddings of our own before the language model sees them.
        decoding_window: anchors to each side of the mode whose expectation is the decoded position.
        initializer_range: standard deviation of the projection's and the temporal tokens' first values.

    Raises:
        ValueError: fewer than two anchors, no frames, fewer than no neighbours, or an unknown ``time_format``.
    """

    model_type = "momentor"
    sub_configs = {"vision_config": AutoConfig, "text_config": AutoConfig}

    def __init__(
        self,
        vision_config=None,
        text_config=None,
        num_temporal_tokens: int = 300,
        num_frames: int = 300,
        interpolation: bool = True,
        propagation: bool = True,
        infusion: bool = True,
        motion_neighbours: int = 0,
        time_format: str = "tags",
        video_token_id: int | None = None,
        time_token_id: int | None = None,
        decoding_window: int = 2,
        initializer_range: float = 0.02,
        **kwargs,  # transformers' own fields, as it reads them back from config.json
    ):
        if num_temporal_tokens < 2:
            raise ValueError(f"num_temporal_tokens must be 2 or more (a start and an end), not {num_temporal_tokens}")
        if num_frames < 1:
            raise ValueError(f"num_frames must be 1 or more, not {num_frames}")
        if motion_neighbours < 0:
            raise ValueError(f"motion_neighbours must be 0 or more, not {motion_neighbours}")
        if time_format not in TIME_FORMATS:
            raise ValueError(f"time_format must be one of {', '.join(TIME_FORMATS)}, not {time_format!r}")
        self.vision_config = _sub_config(vision_config, "clip_vision_model")
        self.text_config = _sub_config(text_config, "llama")
        self.num_temporal_tokens = num_temporal_tokens
        self.num_frames = num_frames
        self.interpolation = interpolation
        self.propagation = propagation
        self.infusion = infusion
        self.motion_neighbours = motion_neighbours
        self.time_format = time_format
        self.video_token_id = video_token_id
        self.time_token_id = time_token_id
        self.decoding_window = decoding_window
        self.initializer_range = initializer_range
        super().__init__(**kwargs)


def _sub_config(config, default_type: str) -> PreTrainedConfig:
    """A part's configuration from itself, from a dict with its ``model_type``, or from nothing (that type's defaults)."""
    if isinstance(config, PreTrainedConfig):
        # A copy: transformers resets the attention of every sub-configuration, and a model that was handed in lives by its own.
        return copy.deepcopy(config)
    fields = dict(config or {})
    return AutoConfig.for_model(fields.pop("model_type", default_type), **fields)


# So that transformers' own loaders (of the tokenizer in a model's folder, say) know what a saved Momentor is.
AutoConfig.register(MomentorConfig.model_type, MomentorConfig, exist_ok=True)
