"""The questions that the library itself asks a model, each written down once.

Training data uses these wordings beside others, so that a trained model knows them.
"""

SYSTEM = "A chat between a user and an assistant that watches videos and answers with exact times."

GROUND = "When does this happen: {query}?"
CAPTION = "What happens in {span}?"
EVENTS = "List every event in order."
CLIP = "What happens in this clip?"
PICTURE = "What is to be seen in this picture?"
