"""The paper's own kinds of models, through transformers: CLIP or RAM tags, Grounding DINO boxes, BLIP-2 captions, a chat model's texts."""
