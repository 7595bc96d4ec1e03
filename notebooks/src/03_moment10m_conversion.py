# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 03 · Moment-10M: from a data set's files to training examples
#
# - **You will be able to**: read the packed format of Moment-10M and name its ten data types; say what its
#   thresholds keep; turn records into dialogues, with times as text and as time tags; load them into
#   `datasets`; show which tokens a model learns from
# - **Know before**: notebook 02; JSON; what a token is
# - **Minutes**: {read} to read and solve, 1 to run
# - **Hardware**: any computer, two CPU cores are enough
# - **Downloads**: none
# - **Account**: none

# %%
import json
import re
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from momentor_lib import shipped
from momentor_lib.checks import moment10m_conversion as checks
from momentor_lib.data.moment10m import read_gesm, read_packed
from momentor_lib.data.thresholds import THRESHOLDS
from momentor_lib.timecode import format_span
from momentor_lib.viz import data_plots as plots

folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## 1. What Moment-10M is
#
# To teach a model *when*, its authors let other models look at 64,900 videos and write ten million
# questions and answers about their moments (these figures are the paper's). The result, **Moment-10M**, is
# published as a few very large JSON files.
#
# `momentor download` fetches its annotation files and videos; this notebook does not need them.
#
# Our sample videos have annotations in the same two formats: a **packed** file and a **GESM** file (section
# 6). A packed file is one JSON object: video id, then data type, then a list of **records**. The reader goes
# through it video by video, so that a file of gigabytes needs little memory.

# %%
packed = shipped("data_samples/moment10m.json")
videos = dict(read_packed(packed))
print(f"{packed.stat().st_size / 1e3:.0f} KB, {len(videos)} videos, {sum(map(len, videos.values()))} records")
every = [record for records in videos.values() for record in records]
video_id = next(record.id for record in every if record.data_type == "comp_ret_data")
raw = json.loads(packed.read_text())[video_id]["comp_ret_data"][0]
print(json.dumps(raw, indent=2))

# %% [markdown]
# Texts do not hold times. They hold **placeholders** in braces, and `variables` says what each stands for:
#
# | placeholder | stands for |
# |---|---|
# | `{moment}` | a start and an end in seconds, or several such pairs |
# | `{SOURCE_CLIP}` | a start and an end: the clip that a question starts from |
# | `{click_position}` | a time and a place in the picture, x and y from 0 to 1 |
# | `{instance_class}`, `{content}` | words |
#
# ## 2. Ten data types, eight tasks
#
# The ten data types train the eight tasks of the paper. One record of each, of the first videos that have
# one:

# %%
TASKS = {
    "segment_caption_data": "segment captioning",
    "instance_segment_caption_data": "segment captioning, of one instance",
    "instance_caption_data": "instance activity summarizing",
    "appearance_data": "appearance of an instance",
    "qa_data": "segment QA",
    "instance_qa_data": "instance QA",
    "cross_segment_qa_data": "cross-segment QA",
    "hypo_scene_data": "inferential segment localization",
    "comp_ret_data": "composed segment retrieval",
    "segment_locate_data": "direct segment localization",
}

# %%
for data_type, task in TASKS.items():
    one = next(record for record in every if record.data_type == data_type)
    print(f"{data_type} ({task})")
    print(f"    Q  {one.conversations[0].User}\n    A  {one.conversations[0].Assistant}")

# %% [markdown]
# ## 3. Which records are good enough?
#
# Models wrote these records, and models err. So each has a score: `match_score`, `clip_similarity`, or
# both. It says how well the text and the pictures go together. Each data type has a **threshold**. A record
# stays if its match score is above it, else if its CLIP similarity is. A record without any score goes.
#
# ### Exercise 1: does a record pass?


# %% tags=["exercise"]
def passes(record, threshold):
    """Whether a record (a dict that may have match_score and clip_similarity) passes a threshold."""
    # Your code here.


# %% tags=["solution"]
def passes(record, threshold):
    """Whether a record (a dict that may have match_score and clip_similarity) passes a threshold."""
    scores = [record.get("match_score"), record.get("clip_similarity")]
    return any(score is not None and score > threshold for score in scores)


# %% tags=["check"]
checks.passes(passes)

# %% [markdown]
# Our toy records are never doubtful: their score is above every threshold. To see the filter at work, we
# make a copy of the file with scores drawn at random around each threshold. (The scores are invented; the
# thresholds are the published ones.)

# %%
rng = np.random.default_rng(0)
doubtful = json.loads(packed.read_text())
scores = {name: [] for name in THRESHOLDS}
for lists in doubtful.values():
    for name, several in lists.items():
        for record in several:
            del record["match_score"]
            kind = "match_score" if THRESHOLDS[name] > 0.5 else "clip_similarity"
            record[kind] = round(THRESHOLDS[name] + rng.normal(0.02, 0.06), 3)
            scores[name].append(record[kind])
doubtful_file = folder / "doubtful.json"
doubtful_file.write_text(json.dumps(doubtful))
plots.scores_and_thresholds(scores, THRESHOLDS, "Each data type has a threshold of its own")

# %% [markdown]
# Two thresholds stand far to the right. One of them is above 1, which no similarity of two CLIP vectors
# can be: scores of these two data types must be of another kind.
#
# ## 4. Converting, with times as text
#
# `convert_file` filters, puts the variables in the place of the placeholders, and counts what it dropped:

# %%
from momentor_lib.data.convert import convert_file
from momentor_lib.data.templates import TEMPLATES

summary = convert_file(doubtful_file, folder / "text.json", time_format="text", seed=0)
for name, tally in summary.tallies.items():
    print(f"{name:30s} kept {tally.kept:3d} of {tally.total:3d}  ({tally.share:.0%})")
dialogues = json.loads((folder / "text.json").read_text())
print(f"\n{len(dialogues)} dialogues; the first:\n{json.dumps(dialogues[0], indent=2)}")

# %% [markdown]
# A moment becomes text by one of twelve **templates**, drawn anew for each variable, so that a model meets
# times in many spellings:

# %%
for template in TEMPLATES:
    print("   ".join(template.write([(12.3, 18.4)])))

# %% [markdown]
# Half of them have no decimals: they round to whole seconds. What does that cost? We write all moments of
# the sample with each kind, read them back, and compare. Time tags are the third kind; they come next.

# %%
sequences = dict(read_gesm(shipped("data_samples/gesm.json"))).values()
true = np.array([time for one in sequences for span in one.timestamps for time in span])
whole, two = (np.array([float(f"{time:.{decimals}f}") for time in true]) for decimals in (0, 2))
tags = np.array([float(re.match(r"<(.+?)s>", format_span(time, time))[1]) for time in true])
written = {"text, no decimals": whole, "text, two decimals": two, "time tags": tags}
plots.errors_by_format(
    {name: np.abs(times - true) for name, times in written.items()},
    "Without decimals a time is off by up to half a second",
)

# %% [markdown]
# ## 5. Converting, with time tags
#
# Momentor does not read digits: a time is *one* token with a continuous position (notebook 02). In text we
# write such a token as a **time tag**, `<12.34s>`. It stands where the time stands in the sentence, as
# often as it stands there, and nothing is rounded away.
#
# ### Exercise 2: fill the placeholders
# Only `{moment}` and `{SOURCE_CLIP}` here. `format_span(start, end)` writes a span as two tags. A question
# may hold other braces: leave them alone.


# %% tags=["exercise"]
def fill(text, variables):
    """A text whose placeholders {moment} and {SOURCE_CLIP} are replaced by spans of time tags.

    ``variables`` has a start and an end in seconds for each placeholder that the text may name.
    """
    # Your code here.


# %% tags=["solution"]
def fill(text, variables):
    """A text whose placeholders {moment} and {SOURCE_CLIP} are replaced by spans of time tags.

    ``variables`` has a start and an end in seconds for each placeholder that the text may name.
    """
    for name, (start, end) in variables.items():
        text = text.replace("{" + name + "}", format_span(start, end))
    return text


# %% tags=["check"]
checks.fill(fill)

# %% [markdown]
# The library does the same for all placeholders (`--time-format tags` on the command line):

# %%
convert_file(packed, folder / "tags.jsonl", time_format="tags")
lines = [json.loads(line) for line in (folder / "tags.jsonl").read_text().splitlines()]
retrieval = next(line for line in lines if line["data_type"] == "comp_ret_data")
print(json.dumps(retrieval, indent=2))

# %% [markdown]
# ## 6. GESM: every event in order
#
# The second file is for **grounded event-sequence modeling**: all events of a video, in order, each with
# its start, its end and a caption. One question, one long answer:

# %%
convert_file(shipped("data_samples/gesm.json"), folder / "gesm.jsonl", gesm=True, time_format="tags")
sequence = json.loads((folder / "gesm.jsonl").read_text().splitlines()[0])
for turn in sequence["conversations"]:
    print("Q ", turn["User"])
    print("A ", turn["Assistant"].replace(". <", ".\n   <"))

# %% [markdown]
# ## 7. Into `datasets`
#
# Both files together become a table of the `datasets` library: one row an instruction. A time only has a
# position once we know how long its video is, so the durations come from the videos themselves.

# %%
from momentor_lib.data.durations import collect_durations
from momentor_lib.data.instructions import load_examples

durations = collect_durations(shipped("data_samples/videos"))
examples = load_examples(packed, shipped("data_samples/gesm.json"), durations=durations)
print(examples)
print(Counter(examples["data_type"]).most_common(3), "...")
examples[0]

# %% [markdown]
# ## 8. What is learned?
#
# The model predicts each token from those before it. But we do not want it to learn to *ask*: only answers
# count. The others get the label -100, which the loss leaves out.
#
# ### Exercise 3: the label mask


# %% tags=["exercise"]
def label_mask(ids, answers):
    """Labels for token ids: the id itself inside an answer, -100 elsewhere.

    ``answers`` lists (first, stop) for each answer; ``stop`` is just behind its last token.
    """
    # Your code here.


# %% tags=["solution"]
def label_mask(ids, answers):
    """Labels for token ids: the id itself inside an answer, -100 elsewhere.

    ``answers`` lists (first, stop) for each answer; ``stop`` is just behind its last token.
    """
    labels = [-100] * len(ids)
    for first, stop in answers:
        labels[first:stop] = ids[first:stop]
    return labels


# %% tags=["check"]
checks.label_mask(label_mask)

# %% [markdown]
# The `MomentorProcessor` does it for a whole video. Here are the tokens of one question and its answer: what
# is learned is coloured, and each time shows its position, from 0 (start of the video) to 1 (end).

# %%
from momentor_lib.model import presets
from momentor_lib.model.processing import VideoExample

model, processor = presets.load("tiny")
one = next(example for example in examples if example["data_type"] == "comp_ret_data")
turns = [(turn["question"], turn["answer"]) for turn in one["turns"]]
frames = 4  # a real example has 64; four are enough to see where they stand
times = np.linspace(0, one["duration"], frames).tolist()
no_features = np.zeros((frames, model.config.vision_config.hidden_size), np.float32)
encoded = processor.encode(VideoExample(times, one["duration"], [turns], features=no_features))
for name, tensor in encoded.items():
    print(f"{name:16s} {tuple(np.shape(tensor))}")

# %%
ids, labels, positions = (encoded[name].tolist() for name in ("input_ids", "labels", "positions"))
pieces = [processor.tokenizer.decode([number]).replace(" ", "·").replace("\n", "⏎") for number in ids]
plots.TokenTable(
    tokens=pieces,
    learned=[label != -100 for label in labels],
    notes=["" if np.isnan(position) else f"{position:.3f}" for position in positions],
    caption=f"Learned: {sum(label != -100 for label in labels)} of {len(ids)} tokens, the answer and its end",
)

# %% [markdown]
# The dot stands for a space. The `<video>` tokens will be replaced by the frames' features, the `<time>`
# tokens by their interpolated anchors.
#
# Many instructions about one video are put into *one* sequence: the video stands there once, and each
# instruction is a block that sees the video and itself. `block_ids` says which block a token belongs to.
#
# ## What could go wrong
#
# - **Times by kind instead of by order.** The paper's released code keeps the times beside the text, sorted
#   by the kind of placeholder. Where a text names `{moment}` before `{SOURCE_CLIP}`, they change places. A
#   tag stands where it belongs.
# - **Braces that are no placeholder.** Python's `str.format` stops at them; the exercise's check tries it.
# - **Spans that end past the video.** Or before they start. A file from somebody else is best looked at
#   first: `momentor check FILE`, here as a function, on a file that we spoil.

# %%
from momentor_lib.data.check import KINDS, check_file

spoilt = json.loads(packed.read_text())
spoilt[video_id]["comp_ret_data"][0]["variables"]["moment"] = [9.0, 4.0]
spoilt[video_id]["qa_data"][0]["conversations"][0]["User"] = "  "
(folder / "spoilt.json").write_text(json.dumps(spoilt))
report = check_file(folder / "spoilt.json", durations=durations)
for finding in report.in_order:
    print(finding.count, KINDS[finding.kind], [detail for _, detail in finding.places])

# %% [markdown]
# ## Summary
#
# - A packed file: video id, data type, records with placeholders and variables. `read_packed` goes through
#   it video by video.
# - A record stays if one of its scores is above the threshold of its data type.
# - As text a time is written by a template, and may be rounded; as a tag it keeps every digit.
# - Only answers are learned; everything else has the label -100.
#
# ## Next
#
# [04 · The data generation engine](04_data_engine.ipynb) makes such data from videos alone. Whoever has the
# data and wants to train can go on to [05 · Training with LoRA](05_lora_training.ipynb).
