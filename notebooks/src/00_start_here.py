# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 00 · Start here: ask a video *when*
#
# - **You will be able to**: check that this computer is ready; ask Momentor when something happens in a
#   video; drag along the timeline of its answer; measure how good it is; say what a Video-LLM is
# - **Know before**: a little Python; nothing about machine learning
# - **Minutes**: {read} to read and solve, 1 to run
# - **Hardware**: any computer, two CPU cores are enough
# - **Downloads**: none
# - **Account**: none

# %%
import json
import tempfile
from pathlib import Path

import numpy as np

from momentor_lib import Moment, Predictor, Timeline, doctor, load_video, shipped
from momentor_lib.checks import start_here as checks
from momentor_lib.evaluation.grounding import temporal_iou
from momentor_lib.timecode import for_people
from momentor_lib.toy.writer import write_video
from momentor_lib.viz import plots
from momentor_lib.viz.widgets import Explorer

# %% [markdown]
# ## 1. Is this computer ready?
#
# Every line should say `OK`. A `WARN` still works, only not so well. A `FAIL` comes with what to do.

# %%
for found in doctor.examine():
    print(f"[{found.status:4s}] {found.name:12s} {found.detail}{'  ->  ' + found.fix if found.fix else ''}")

# %% [markdown]
# ## 2. What is a Video-LLM?
#
# A **large language model** (LLM) reads text and writes what comes next. A **Video-LLM** also reads a
# video: each frame is turned into a vector that stands in the text like a word. So you can ask about the
# video in plain language.

# %%
plots.video_language_model()

# %% [markdown]
# Most Video-LLMs are good at *what* and bad at *when*. **Momentor** ([Qian et al., ICML
# 2024](https://arxiv.org/abs/2402.11435)) was built for *when*: it reads and writes times as exactly as
# words. This course builds it, piece by piece. The model that comes with it is a tiny one. It was trained
# on a toy world of coloured shapes that move, grow, spin and blink, so that everything runs on any computer.

# %% [markdown]
# ## 3. The first answer
#
# Here is a sample video of that toy world.

# %%
records = [json.loads(line) for line in shipped("data_samples/annotations.jsonl").read_text().splitlines()]
record = records[2]
video = shipped("data_samples") / record["path"]
frames = load_video(video, num_frames=8)
print(f"{video.name}: {frames.duration:.1f} s; things that happen in it:")
print(*[f"  {query['query']}" for query in record["queries"]], sep="\n")
plots.contact_sheet(
    [frames.pixels],
    [[f"{seconds:.1f} s" for seconds in frames.times]],
    ["Coloured shapes move, grow, spin, blink"],
)

# %% [markdown]
# We ask for one of them. Three lines are all it takes: a predictor, a video, a query.

# %%
query = record["queries"][0]["query"]

predictor = Predictor("tiny").set_video(video)
answer = predictor.ground(query)

print("query   ", query)
print("answer  ", for_people(answer.text))
for moment in answer.moments:
    print(f"moment   {moment.start:.2f} s to {moment.end:.2f} s, score {moment.score:.2f}")
    print(f"         start ± {moment.start_std:.2f} s, end ± {moment.end_std:.2f} s")

# %% [markdown]
# Finding the stretch of a video that a sentence speaks of is called **temporal grounding**. The answer is a
# list of **moments**, each with a start and an end in seconds, a **score** from 0 to 1 (how sure the model
# is) and how far each end may be off.
#
# ## 4. Look at it
#
# Numbers are hard to judge. A timeline shows them beside the video. Click a moment, or press its button:
# the player jumps there. The left and right arrow keys move through the moments, and the table below holds
# the same numbers. The truth is known here, because we drew the video; it has a row of its own. (A timeline's
# `.save_html(path)` keeps all of it as one page that needs no network.)

# %%
truth = [Moment(start, end) for start, end in record["queries"][0]["moments"]]
Timeline(
    predictor.duration, answer.moments, query=query, frames=predictor.frames, video_path=video, truth=truth
)

# %% [markdown]
# ## 5. Drag along the timeline
#
# Now ask yourself. Choose a video, or upload one. Type what to look for and press Enter: the moments appear
# on the timeline. Click one and the player goes there, or drag along the strip of pictures. Where the truth
# is known, it has its row. Three things to try:
#
# - **Moments**: move the slider. The model's own answer comes first, then what else it considered. Look at
#   the scores.
# - **Times**: the model measures time with a row of *anchors*, like the marks on a ruler. It can read
#   between them (*continuous*) or take the nearest one. Notebook 02 shows how.
# - **All events**: no query at all.
#
# The controls need a running notebook. In a saved page you see the timeline of one answer in their place.

# %%
Explorer(predictor, query=record["queries"][1]["query"])

# %% [markdown]
# ## 6. How good is the answer?
#
# Compare two stretches of time: how long is what *both* cover, and how long is what *either* covers? The
# first divided by the second is the **intersection over union**, IoU for short. It is 1 if they are equal,
# and 0 if they have nothing in common.
#
# ### Exercise 1: intersection over union


# %% tags=["exercise"]
def overlap(one, other):
    """Intersection over union of two stretches of time, each (start, end) in seconds."""
    # Your code here.


# %% tags=["solution"]
def overlap(one, other):
    """Intersection over union of two stretches of time, each (start, end) in seconds."""
    both = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    either = (one[1] - one[0]) + (other[1] - other[0]) - both
    return both / either


# %% tags=["check"]
checks.overlap(overlap)

# %% [markdown]
# The library has it too, for many spans at once. With it we can score every query of this video. A query may
# have several true moments; we take the one that the model's first moment fits best.

# %%
scores = []
for asked in record["queries"]:
    moments = predictor.ground(asked["query"]).moments
    spans = [(moment.start, moment.end) for moment in moments]
    scores.append(temporal_iou(spans[:1], asked["moments"]).max() if spans else 0.0)
    print(
        f"IoU {scores[-1]:.2f}  {asked['query']:30s}", *[f"{start:.1f}-{end:.1f} s" for start, end in spans]
    )
print(f"mean IoU of the first moments {np.mean(scores):.2f}")

# %% [markdown]
# ## 7. More than one kind of question
#
# Grounding goes from words to times. **Captioning** goes the other way: from a stretch of time to words.
# And the model can list everything it sees, in order.

# %%
first = answer.moments[0]
said = predictor.caption(first.start, first.end).text
print(f"what happens from {first.start:.1f} s to {first.end:.1f} s?  {said}\n")
events = predictor.events()
print("everything, in order:")
for event in events:
    print(f"  {event.start:6.1f} s to {event.end:6.1f} s  {event.label}")

# %%
for pair in record["qa"][:3]:
    print("question", for_people(pair["question"]))
    print(
        "answer  ",
        for_people(predictor.ask(pair["question"]).text),
        "  (truth:",
        for_people(pair["answer"]) + ")\n",
    )

# %% [markdown]
# ### Exercise 2: what is going on at a given time?
# Each event is a `Moment` with `.start`, `.end` and `.label`. Write a function that says what is going on
# at one time. Two things can happen at once, or none.


# %% tags=["exercise"]
def happening_at(events, seconds):
    """The labels of all events that are going on at a time, as a list. Start and end belong to an event."""
    # Your code here.


# %% tags=["solution"]
def happening_at(events, seconds):
    """The labels of all events that are going on at a time, as a list. Start and end belong to an event."""
    return [event.label for event in events if event.start <= seconds <= event.end]


# %% tags=["check"]
checks.happening_at(happening_at)

# %% [markdown]
# ## 8. What is inside?
#
# A `Momentor` has four parts, one after the other. The next notebooks take them apart. The last line also
# counts **anchors**: marks on the time axis by which the model reads and writes times (notebook 02).

# %%
model = predictor.model
parts = {
    "frame encoder (CLIP)": [model.vision_model],
    "projection": [model.projection, model.motion],
    "temporal perception module": [model.temporal],
    "language model": [model.language_model],
}
for name, modules in parts.items():
    learned = sum(weights.numel() for module in modules for weights in module.parameters())
    print(f"{name:28s} {learned:9,d} numbers learned")
print(f"it sees {model.config.num_frames} frames and has {model.config.num_temporal_tokens} anchors for time")

# %% [markdown]
# ## What could go wrong
#
# **The tiny model knows only its toy world.** It answers about any video, but outside that world the answer
# means nothing. It says so itself. Here is a video of noise:

# %%
noise = np.random.default_rng(0).integers(0, 256, (80, 3, 96, 96), dtype=np.uint8)
path = Path(tempfile.mkdtemp()) / "noise.mp4"
write_video(path, noise)
strange = Predictor("tiny").set_video(path).ground(query)
print("answer  ", for_people(strange.text))
print("warnings", *strange.warnings)

# %% [markdown]
# **Even in its toy world it is not always right.** These are some of its scores on fresh test videos, from 0
# to 1. The first you know; notebook 07 says what the others count. Its model card has them all:

# %%
scores = json.loads(shipped("checkpoints/tiny/scores.json").read_text())
for name in ("mean IoU", "R@1, IoU>=0.5", "events, F1 at IoU 0.5", "questions answered right"):
    print(f"{scores[name]:.2f}  {name}")

# %% [markdown]
# - **A query in other words.** It learned sentences such as those listed in section 3. Far from them it
#   guesses.
# - **Something that never happens.** It was asked *when*, so it names a time all the same. Look at the
#   score.
#
# ## Summary
#
# - A Video-LLM reads frames and a question. Momentor answers with times, exactly.
# - `Predictor("tiny").set_video(path)`, then `.ground(query)`, `.caption(start, end)`, `.events()` or
#   `.ask(question)`. All but `.events()` return an `Answer`: a text, moments, warnings.
# - The same in a terminal: `momentor doctor`, `momentor ground VIDEO QUERY`, `momentor caption VIDEO`,
#   `momentor ask VIDEO QUESTION`.
# - A moment has a start, an end, a score, and how far each end may be off. IoU says how good it is.
#
# ## Next
#
# [01 · From a video file to frames with times](01_frame_extraction.ipynb): a model can only be right about
# time if its frames are.
