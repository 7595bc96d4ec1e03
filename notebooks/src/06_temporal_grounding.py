# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 06 · Temporal grounding: what is behind an answer, and when to doubt it
#
# - **You will be able to**: ground one moment or several, list a video's events, ask questions with times in
#   them; follow an answer from the query to two distributions over time; see what the model looks at while
#   it writes a time; test whether its uncertainty is honest; find its failures with code and say what went
#   wrong
# - **Know before**: notebooks 00 and 02; softmax, mean and standard deviation
# - **Minutes**: {read} to read and solve, 1 to run
# - **Hardware**: any computer, two CPU cores are enough
# - **Downloads**: none
# - **Account**: none

# %%
import json
import math
import re
import tempfile
from pathlib import Path

import numpy as np
import torch

from momentor_lib import Moment, Predictor, Timeline, prompts, shipped
from momentor_lib.checks import temporal_grounding as checks
from momentor_lib.evaluation.grounding import temporal_iou
from momentor_lib.timecode import find_spans, find_tags, for_people, format_tag
from momentor_lib.toy.words import ACTIONS, HELD_OUT_PAIRS, name_of
from momentor_lib.viz import grounding_plots as plots
from momentor_lib.viz import score_plots
from momentor_lib.viz.picture import Picture

# %% [markdown]
# ## 1. One question, one answer
#
# The sample video and the query are those of notebook 00.

# %%
samples = shipped("data_samples")
records = [json.loads(line) for line in (samples / "annotations.jsonl").read_text().splitlines()]
record = records[2]
query, truth = record["queries"][0]["query"], record["queries"][0]["moments"]

predictor = Predictor("tiny").set_video(samples / record["path"])
answer = predictor.ground(query)
print("query  ", query)
print("answer ", for_people(answer.text))
print("truth  ", *[f"{start:.2f} s to {end:.2f} s" for start, end in truth])
for moment in answer.moments:
    ends = f"{moment.start:.2f} ± {moment.start_std:.2f} s to {moment.end:.2f} ± {moment.end_std:.2f} s"
    print("moment ", ends)

# %% [markdown]
# One call, and a start and an end come back, each with its uncertainty. Where do these numbers come from?
# We make the same answer again, by the steps that `ground` takes.
#
# ## 2. From a query to a time
#
# **Step 1: the video, once.** Frames become features; then system prompt and video go through the language
# model. What it computed for them is kept, and every question about the video goes on from there.

# %%
from momentor_lib.model.generation import Conversation
from momentor_lib.model.prefix import prepare_video

model, processor = predictor.model, predictor.processor
frames, duration = predictor.frames, predictor.duration
with torch.no_grad():
    pixels = processor.pixel_values(frames).unsqueeze(0)  # [1, T, 3, S, S]
    features = model.encode_frames(pixels)[0]  # [T, D_v]
prefix = prepare_video(model, processor, features, frames.times, duration)
print("pixels  ", list(pixels.shape))
print("features", list(features.shape))
print("kept    ", prefix.length, "tokens,", len(features), "of them frames")

# %% [markdown]
# **Step 2: the question.** After its last token the model gives two kinds of scores: one for each word that
# it knows, and one for each **anchor** in time (notebook 02). Together they say what should come next, a
# word or a time.

# %%
question = prompts.GROUND.format(query=query)
conversation = Conversation(model, [prefix])
asked, no_times = processor.encode_question(question, duration)
with torch.no_grad():
    words, start_scores = conversation.extend([asked], [no_times])  # [1, V], [1, N]
print(question)
print("scores: words", list(words.shape), " anchors", list(start_scores.shape))
total = torch.cat((words[0], start_scores[0])).softmax(-1)
print(f"probability that a time comes next: {total[words.shape[1] :].sum():.3f}")

# %% [markdown]
# **Step 3: read the start.** Softmax over the anchors is the **temporal distribution**. Its mean around its
# highest anchor is a position from 0 to 1; times the duration, that is the start in seconds. Its spread is
# the start's uncertainty.
#
# **Step 4: say it, and read the end.** The start is fed back as it is, not rounded, with the dash behind
# it. The next scores are those of the end. Anchors before the start are left out: an end never precedes its
# start.

# %%
start = model.temporal.decode(start_scores)
nan = [math.nan] * len(processor.dash_ids)  # a word has no position
with torch.no_grad():
    said = [processor.time_token_id, *processor.dash_ids]
    _, end_scores = conversation.extend([said], [[start.position.item(), *nan]])
end = model.temporal.decode(end_scores, start.position)

by_hand = [part.position.item() * duration for part in (start, end)]
assert np.allclose(by_hand, find_spans(answer.text)[0], atol=0.01), "not what ground() said"
print(f"start {by_hand[0]:.2f} ± {start.std.item() * duration:.2f} s")
print(f"end   {by_hand[1]:.2f} ± {end.std.item() * duration:.2f} s, as ground() says")


# %%
def reading(scores, decoded, seconds):
    """Temporal scores [1, N] and what was read from them, as the figures take it."""
    probabilities = scores[0].softmax(-1).numpy()
    return plots.Reading(probabilities, decoded.position.item() * seconds, decoded.std.item() * seconds)


boundaries = {"start": reading(start_scores, start, duration), "end": reading(end_scores, end, duration)}
title = "Each boundary is a distribution over the anchors"
plots.distributions(boundaries, duration, title, dict(zip(boundaries, truth[0], strict=True)))

# %% [markdown]
# Each bar is an anchor. A sharp distribution has one or two high bars, and the time that is read (the
# triangle, whiskers ± one standard deviation) lies between them, where no anchor needs to be. The dashed
# line is the truth.
#
# ### Exercise 1: read an end
#
# From the scores of all anchors to seconds, as the library reads an end:
#
# 1. Leave out anchors before the start. The last anchor at or before it may still count, since a time
#    between two anchors needs both.
# 2. Take the softmax, and find the highest anchor.
# 3. The end is the mean of the anchors' times, weighted, over those at most `window` anchors from the
#    highest. If it still comes out before the start, it is the start.


# %% tags=["exercise"]
def read_end(scores, start, duration, window=2):
    """Scores of N anchors [N] (NumPy), from 0 to ``duration`` at equal steps -> the end in seconds."""
    # Your code here.


# %% tags=["solution"]
def read_end(scores, start, duration, window=2):
    """Scores of N anchors [N] (NumPy), from 0 to ``duration`` at equal steps -> the end in seconds."""
    number = np.arange(len(scores))
    times = np.linspace(0, duration, len(scores))
    first = np.searchsorted(times, start, side="right") - 1
    allowed = np.where(number < first, -np.inf, scores)
    weights = np.exp(allowed - allowed.max())
    weights[np.abs(number - weights.argmax()) > window] = 0
    return max(start, (weights * times).sum() / weights.sum())


# %% tags=["check"]
checks.read_end(read_end)

# %% [markdown]
# ## 3. What does it look at?
#
# A language model is a stack of layers. In each of them, several **attention heads** decide from which
# earlier tokens to take something. The frames are such tokens. So while the model writes a start, we can
# ask each head how it shares its attention among the frames. The rows of such a table sum to one (what
# does not fall on frames falls on the text).

# %%
from momentor_lib.model.attention import frame_columns, watch_attention


def look(predictor, query):
    """What the heads look at when the start is written, [layers, heads, T], and the start as it is read."""
    model, processor = predictor.model, predictor.processor
    frames, duration = predictor.frames, predictor.duration
    question = processor.encode_question(prompts.GROUND.format(query=query), duration)
    with torch.no_grad():
        features = model.encode_frames(processor.pixel_values(frames).unsqueeze(0))[0]  # [T, D_v]
        prefix = prepare_video(model, processor, features, frames.times, duration)
        with watch_attention(model) as passes:
            _, scores = Conversation(model, [prefix]).extend(*([part] for part in question))
    heads = passes[0][:, 0, :, -1]  # of the last token: [layers, heads, tokens]
    on_frames = heads[..., frame_columns(processor, len(features))].numpy()
    return on_frames, reading(scores, model.temporal.decode(scores), duration)


attention, start_read = look(predictor, query)
print("layers, heads, frames:", attention.shape)

# %% [markdown]
# One head got a lesson of its own in training: from the token before a time, it was rewarded for looking at
# the two frames around that time (`momentor_lib/training/side_tasks.py`, "pointing"). The others were left
# to themselves. Here is that head, and the mean of all heads:

# %%
plan = json.loads((shipped("checkpoints/tiny") / "training_plan.json").read_text())
pointing = (plan["point_layer"], 0)
name = f"the pointing head\n(layer {pointing[0] + 1}, head {pointing[1] + 1})"
shown = {name: attention[pointing], "mean of\nall heads": attention.mean(axis=(0, 1))}
title = "What is looked at, and where the start is put, on one time axis"
plots.looking(frames, shown, start_read, truth, title)

# %% [markdown]
# Compare the rows: which frames does the head look at, where does the distribution peak, and where does the
# hatched truth begin?
#
# One query is an anecdote. For every query of this video we add up each head's attention on the frames that
# are at most one frame spacing from the start that was read:

# %%
spacing = duration / (len(frames.times) - 1)
shares = []
for one in record["queries"]:
    attention, read = look(predictor, one["query"])
    near = np.abs(frames.times - read.time) <= 1.01 * spacing
    shares.append(attention[..., near].sum(-1))
shares = np.mean(shares, axis=0)  # [layers, heads]
for layer, row in enumerate(shares):
    marks = ["*" if (layer, head) == pointing else " " for head in range(len(row))]
    print(f"layer {layer + 1}", *[f"  {mark}{share:.2f}" for share, mark in zip(row, marks, strict=True)])
print(f"(* the pointing head; a head that looks at all frames alike: {near.mean():.2f})")

# %% [markdown]
# Does the model *need* what it looks at? A picture of attention cannot say; an experiment can. We take away
# the frames around the start, or as many frames far from it, and ask again:

# %%
middle = int(np.abs(frames.times - start_read.time).argmin())
far = (middle + len(frames.times) // 2) % len(frames.times)
blind = Predictor((model, processor))
for name, centre in (("nothing", None), ("frames around the start", middle), ("as many far from it", far)):
    kept = np.array([centre is None or abs(number - centre) > 3 for number in range(len(frames.times))])
    blind.set_features(features[kept], frames.times[kept], duration)
    best = blind.ground(query).moments[0]
    span = f"{best.start:5.2f} ± {best.start_std:.2f} s to {best.end:5.2f} ± {best.end_std:.2f} s"
    print(f"taken away: {name:24s} {span}, score {best.score:.2f}")

# %% [markdown]
# ## 4. Several moments, ranked
#
# A distribution can have more than one peak. `top_k` follows the other peaks of the start, too: each is fed
# back, its end is decoded, and all moments are ranked by their score, the probability around both their
# peaks.

# %%
for rank, moment in enumerate(predictor.ground(query, top_k=4).moments, start=1):
    print(f"{rank}. {moment.start:5.1f} s to {moment.end:5.1f} s, score {moment.score:.3f}")

# %% [markdown]
# Some things happen more than once. Then the *answer itself* holds several moments: the model goes on
# writing after the first. From here on we ask every query about every sample video, and keep both: what the
# answer itself names, and five offers.

# %%
seers = {one["id"]: Predictor((model, processor)).set_video(samples / one["path"]) for one in records}
results = []
for one in records:
    queries = [asked["query"] for asked in one["queries"]]
    own, offered = (seers[one["id"]].ground_many(queries, top_k=count) for count in (None, 5))
    for asked, written, offers in zip(one["queries"], own, offered, strict=True):
        ious = temporal_iou([(m.start, m.end) for m in offers.moments], asked["moments"]).max(axis=1)
        about = {"record": one, "query": asked["query"], "truth": asked["moments"]}
        results.append(about | {"written": written.moments, "offers": offers.moments, "ious": ious})
firsts = np.array([result["ious"][0] for result in results])
print(f"{len(results)} queries, {len(records)} videos; mean IoU of the first moments {firsts.mean():.2f}")

# %%
several = [result for result in results if len(result["truth"]) > 1]
for result in several:
    said = sorted((moment.start, moment.end) for moment in result["written"])
    print(result["query"])
    print("   truth", ", ".join(f"{start:.1f}-{end:.1f} s" for start, end in result["truth"]))
    print("   said ", ", ".join(f"{start:.1f}-{end:.1f} s" for start, end in said))

# %% [markdown]
# Here is one of them with all its offers. The **whiskers** are one standard deviation of each boundary. Click
# through the moments, best first. What does the player show at those that are not true?

# %%
twice = several[1]
seer = seers[twice["record"]["id"]]
truths = [Moment(*span) for span in twice["truth"]]
video = samples / twice["record"]["path"]
shown = {"query": twice["query"], "frames": seer.frames, "video_path": video, "truth": truths}
Timeline(seer.duration, twice["offers"], **shown)

# %% [markdown]
# ### Exercise 2: merge what is the same
#
# Ask in several wordings, and the same moment comes back several times, each a little different. Keep the
# best of each group: go through the moments from the highest score down, and drop one if it overlaps with a
# moment that was *kept* by more than a given IoU. This is **non-maximum suppression**. `temporal_iou(spans,
# spans)` gives the IoUs of two lists of (start, end).


# %% tags=["exercise"]
def without_duplicates(moments, most=0.5):
    """Moments, best first, without those whose IoU with a better one that was kept is above ``most``."""
    # Your code here.


# %% tags=["solution"]
def without_duplicates(moments, most=0.5):
    """Moments, best first, without those whose IoU with a better one that was kept is above ``most``."""
    kept = []
    for moment in sorted(moments, key=lambda moment: -moment.score):
        spans = [(better.start, better.end) for better in kept]
        if not kept or temporal_iou([(moment.start, moment.end)], spans).max() <= most:
            kept.append(moment)
    return kept


# %% tags=["check"]
checks.without_duplicates(without_duplicates)

# %%
event = record["events"][0]
third, infinitive, progressive, hint = ACTIONS[event["action"]]
wordings = [query, f"a {event['instance']} {third}", f"the {event['instance']} is {progressive}"]
pooled = [moment for said in predictor.ground_many(wordings, top_k=3) for moment in said.moments]
kept = without_duplicates(pooled)  # None until you have solved the exercise
print(f"{len(pooled)} moments from {len(wordings)} wordings, kept: {'-' if kept is None else len(kept)}")
for moment in kept or []:
    print(f"  {moment.start:5.1f} s to {moment.end:5.1f} s, score {moment.score:.2f}")

# %% [markdown]
# ## 5. Is the uncertainty honest?
#
# The model says when, give or take a standard deviation. Is that so? If errors were spread like a **bell
# curve** of the width that it claims, about two of three truths would lie within one standard deviation, and
# nearly all within two. We can count. A model whose claims hold in this sense is called **calibrated**.
#
# ### Exercise 3: how often does the truth lie inside?


# %% tags=["exercise"]
def share_inside(read, true, std, width):
    """Share, 0 to 1, of the true times within ``width`` standard deviations of the times that were read.

    ``read``, ``true`` and ``std`` are arrays [n] of seconds. A truth that lies just at the end is inside.
    """
    # Your code here.


# %% tags=["solution"]
def share_inside(read, true, std, width):
    """Share, 0 to 1, of the true times within ``width`` standard deviations of the times that were read.

    ``read``, ``true`` and ``std`` are arrays [n] of seconds. A truth that lies just at the end is inside.
    """
    return float(np.mean(np.abs(true - read) <= width * std))


# %% tags=["check"]
checks.share_inside(share_inside)


# %%
def boundaries_of(results):
    """Of each first moment both boundaries: what was read, what is true of the best fitting moment, std."""
    rows = []
    for result in results:
        best = result["offers"][0]
        fits = temporal_iou([(best.start, best.end)], result["truth"])[0].argmax()
        true = result["truth"][fits]
        rows += [(best.start, true[0], best.start_std), (best.end, true[1], best.end_std)]
    return np.array(rows).T  # [3, boundaries]


# %%
widths = np.array([0.25, 0.5, 0.75, 1, 1.5, 2, 3])
bell = np.array([math.erf(width / math.sqrt(2)) for width in widths])
right = [result for result in results if result["ious"][0] >= 0.5]
inside = {}
for name, some in (("right moment found", right), ("all answers", results)):
    read, true, std = boundaries_of(some)
    inside[name] = [np.mean(np.abs(true - read) <= width * std) for width in widths]
    print(f"{name:20s} {len(read):3d} boundaries, {inside[name][3]:.2f} inside one std")
print(f"as a bell curve has it, {bell[3]:.2f}")
title = "How often the truth lies within the claimed uncertainty"
plots.coverage(widths, inside, bell, title)

# %% [markdown]
# Above the dashed line the model is too modest: its errors are smaller than it claims. Below, it is too
# sure. Which is it? We print by how much the standard deviations would have to be multiplied so that the
# right share lies within one:

# %%
for name, some in (("right moment found", right), ("all answers", results)):
    read, true, std = boundaries_of(some)
    factor = np.quantile(np.abs(true - read) / std, bell[3])
    verdict = "too modest" if factor < 0.8 else "too sure" if factor > 1.25 else "about right"
    print(f"{name:20s} factor {factor:.2f}: {verdict}")
step = duration / (model.config.num_temporal_tokens - 1)
print(f"\na perfect distribution between two anchors, {step:.2f} s apart, in the sample video:")
for share in (0.0, 0.1, 0.5):
    print(f"  {share:.1f} of the way: std {step * math.sqrt(share * (1 - share)):.2f} s")

# %% [markdown]
# Mind the last lines. The training target of a time halfway between two anchors *is* half
# and half, so even a perfect answer there has a standard deviation of half a step. With few anchors the
# number speaks of the grid as much as of doubt. And it speaks only of the neighbourhood of one peak: where
# the model has chosen a wrong event, the truth can be many standard deviations away. For that kind of doubt
# there is the score (section 7).
#
# ## 6. All events, and questions
#
# Without a query, the model lists what it sees (**dense captioning**). Each event beside the true event
# that fits it best:

# %%
events = predictor.events()
spans = [(event["start"], event["end"]) for event in record["events"]]
for event in events:
    ious = temporal_iou([(event.start, event.end)], spans)[0]
    true = record["events"][ious.argmax()]
    verdict = "same words" if event.label == true["caption"] else f"truth: {true['caption']}"
    print(f"{event.start:5.1f} s to {event.end:5.1f} s  {event.label:28s} IoU {ious.max():.2f}, {verdict}")
print(f"{len(events)} events said, {len(spans)} true ones")

# %%
story = [Moment(event["start"], event["end"]) for event in record["events"]]
line = Timeline(duration, events, truth=story)
Picture(line.figure(), line.description())

# %% [markdown]
# Training knows ten kinds of instructions (notebook 03). Here is one question of each kind about this
# video. A time can stand in the question, in the answer, or in both:

# %%
from momentor_lib.data.convert import to_dialogue

packed = json.loads((samples / "moment10m.json").read_text())[record["id"]]
for kind, drafts in packed.items():
    for wanted, right_answer in to_dialogue(drafts[0]):
        said = predictor.ask(wanted).text
        print(kind)
        print("   question", for_people(wanted))
        print("   answer  ", for_people(said))
        print("   truth   ", for_people(right_answer))
print("\nfor the model itself, a time stands in a text as a tag:", format_tag(truth[0][0]))

# %% [markdown]
# ### Exercise 4: times as people write them
#
# The model reads a time only where it stands as a tag, `<62.50s>`. People write `1:02.5` or `62.5 s`. Write a
# function that puts tags in place of both and leaves other numbers alone. `format_tag(62.5)` makes a tag;
# `re.sub(pattern, function, text)` calls a function with each match, and puts in what it returns.


# %% tags=["exercise"]
def with_tags(text):
    """``What happens from 0:12 to 20.5 s?`` -> ``What happens from <12.00s> to <20.50s>?``"""
    # Your code here.


# %% tags=["solution"]
def with_tags(text):
    """``What happens from 0:12 to 20.5 s?`` -> ``What happens from <12.00s> to <20.50s>?``"""
    clock, plain = r"\b(\d+):(\d\d(?:\.\d+)?)\b", r"\b(\d+(?:\.\d+)?) s\b"
    text = re.sub(clock, lambda found: format_tag(60 * int(found[1]) + float(found[2])), text)
    return re.sub(plain, lambda found: format_tag(float(found[1])), text)


# %% tags=["check"]
checks.with_tags(with_tags)

# %%
typed = f"Who is {progressive} in {truth[0][0]:.1f} s-{truth[0][1]:.1f} s?"
tagged = with_tags(typed) or typed  # as it was typed, until you have solved the exercise
print("typed     ", typed)
print("with tags ", tagged, f"({len(find_tags(tagged))} times)")
print("answer    ", for_people(predictor.ask(tagged).text))

# %% [markdown]
# ## 7. Failures, and why
#
# Showing answers that came out well proves little. We sort *all* queries by IoU and look at the lower end.
# For each failure (IoU below 0.5) the code looks up what truly happens where the model pointed:


# %%
def diagnose(result):
    """What is wrong with a first moment, by what truly happens where it points."""
    best, events = result["offers"][0], result["record"]["events"]
    if result["ious"][0] > 0:
        return "right event, its ends off", ""
    ious = temporal_iou([(best.start, best.end)], [(event["start"], event["end"]) for event in events])[0]
    hit, target = events[ious.argmax()], next(e for e in events if e["caption"] == result["query"])
    if ious.max() < 0.1:
        return "a time at which nothing happens", ""
    if hit["instance"] == target["instance"]:
        return "right thing, another deed", hit["caption"]
    if hit["action"] == target["action"]:
        return "another thing, right deed", hit["caption"]
    alike = set(hit["instance"].split()) & set(target["instance"].split())
    return f"a thing of the same {'colour or shape' if alike else 'video, no more'}", hit["caption"]


# %%
by_iou = sorted(results, key=lambda result: result["ious"][0])
failures = [result for result in by_iou if result["ious"][0] < 0.5]
print(f"{len(failures)} of {len(results)} queries failed")
for result in failures:
    kind, caption = diagnose(result)
    best = result["offers"][0]
    print(f"IoU {result['ious'][0]:.2f}, score {best.score:.2f}  {result['query']:28s} {kind}")
    if caption:
        print(f"{'':30}pointed at: {caption}")
later = sum(result["ious"][1:].max(initial=0) >= 0.5 for result in failures)
print(f"\nin {later} of the {len(failures)} the right moment is among the next four offers")

# %% [markdown]
# If the right moment is among the next offers, the model had seen it and ranked it wrongly. The first of
# the list, looked at as in section 3:

# %%
worst = by_iou[0]
seer = seers[worst["record"]["id"]]
attention, read = look(seer, worst["query"])
shown = {"the pointing\nhead": attention[pointing]}
print(f"{worst['query']}: IoU {worst['ious'][0]:.2f}, {diagnose(worst)[0]}")
for event in worst["record"]["events"]:
    print(f"   {event['start']:5.1f} s to {event['end']:5.1f} s  {event['caption']}")
plots.looking(seer.frames, shown, read, worst["truth"], f"One of the worst: “{worst['query']}”")

# %% [markdown]
# Where the head looks outside the hatched stretch, see in the list what happens there: that event was taken
# for the one that was asked for. A second peak inside it would say that the model wavered between the two.
#
# ### Are some queries harder?
#
# Three guesses, each as two groups of queries: things that happen at the same time as others; pairs of
# colour and shape that no training instruction names (**held out**); things that happen more than once.

# %%
from momentor_lib.evaluation.interval import score_with_intervals

held_out = tuple(name_of(*pair) for pair in HELD_OUT_PAIRS)


def together(result):
    """Does anything else happen during it?"""
    others = [e for e in result["record"]["events"] if e["caption"] != result["query"]]
    return any(e["start"] < end and start < e["end"] for e in others for start, end in result["truth"])


traits = {
    ("together with others", "alone"): together,
    ("held-out pair", "training pair"): lambda result: result["query"].startswith(held_out),
    ("several times", "once"): lambda result: len(result["truth"]) > 1,
}

# %%
scores = {}
for names, trait in traits.items():
    for name, wanted in zip(names, (True, False), strict=True):
        member = [bool(trait(result)) is wanted for result in results]
        ious = [100 * r["ious"][0] if inside else np.nan for r, inside in zip(results, member, strict=True)]
        scores[f"{name} ({sum(member)})"] = np.array(ious)
rows = score_with_intervals(scores, [result["record"]["id"] for result in results])
score_plots.scores_with_ranges(rows, "Mean IoU of groups of queries, with 95 % intervals", "mean IoU (%)")

# %% [markdown]
# In brackets: how many queries. The intervals are wide, because there are so few. Two groups whose intervals
# overlap may well be alike. `momentor evaluate --per-query` gives every query's score, to repeat this with
# more videos.
#
# ### The same in other words
#
# The model learned a few ways to ask. How far can one go from them?

# %%
ways = {
    "as annotated": lambda e, third, doing, other: e["caption"],
    "a for the": lambda e, third, doing, other: f"a {e['instance']} {third}",
    "is ...ing": lambda e, third, doing, other: f"the {e['instance']} is {doing}",
    "CAPITALS": lambda e, third, doing, other: e["caption"].upper(),
    "backwards": lambda e, third, doing, other: " ".join(reversed(e["caption"].split())),
    "with chatter": lambda e, third, doing, other: f"well, let me see, I guess {e['caption']}, or not",
    "deed in other words": lambda e, third, doing, other: f"the {e['instance']} will {other}",
}
overlaps = {way: [] for way in ways}
for one in records:
    for way, word in ways.items():
        acts = {event["caption"]: event for event in one["events"]}
        texts = [word(e, *(ACTIONS[e["action"]][i] for i in (0, 2, 3))) for e in acts.values()]
        for said, asked in zip(seers[one["id"]].ground_many(texts), acts, strict=True):
            true = next(q["moments"] for q in one["queries"] if q["query"] == asked)
            spans = [(m.start, m.end) for m in said.moments[:1]]
            overlaps[way].append(100 * temporal_iou(spans, true).max())

# %%
videos = [one["id"] for one in records for _ in one["queries"]]
rows = score_with_intervals({way: np.array(values) for way, values in overlaps.items()}, videos)
for way, (mean, low, high) in rows.items():
    print(f"{way:20s} mean IoU {mean:5.1f}  (95 % interval {low:.1f} to {high:.1f})")

# %% [markdown]
# Compare with the first row. A wording whose interval lies wholly below it is one that the model did not
# learn: to a language model `the` and `THE` are different tokens, and order matters.
#
# ### What never happens
#
# Asked when something happens that never does, the model has no way to say "never": every answer begins
# with a time. But its score may fall. For each query we make two that are false: a thing of the video does
# something that it never does there, and a thing that is not in the video at all.

# %%
draw = np.random.default_rng(0)
things = sorted({track["instance"] for one in records for track in one["tracks"]})
asked_scores = {"happens": [], "another deed": [], "another thing": []}
for one in records:
    here = sorted({track["instance"] for track in one["tracks"]})
    done = {(event["instance"], event["action"]) for event in one["events"]}
    acts = list({event["caption"]: event for event in one["events"]}.values())
    deeds = [sorted(a for a in ACTIONS if (e["instance"], a) not in done) for e in acts]
    deeds = [ACTIONS[draw.choice(some)][0] for some in deeds]
    absent = draw.choice([thing for thing in things if thing not in here], len(acts))
    texts = {
        "happens": [event["caption"] for event in acts],
        "another deed": [f"the {e['instance']} {deed}" for e, deed in zip(acts, deeds, strict=True)],
        "another thing": [f"the {t} {ACTIONS[e['action']][0]}" for t, e in zip(absent, acts, strict=True)],
    }
    for kind, queries in texts.items():
        asked_scores[kind] += [said.moments[0].score for said in seers[one["id"]].ground_many(queries)]

# %%
true_scores = np.array(asked_scores["happens"])
for kind in ("another deed", "another thing"):
    higher = np.mean(true_scores[:, None] > np.array(asked_scores[kind])[None])
    print(f"a query that happens scores higher than one with {kind} in {higher:.0%} of the pairs")
hits = np.array([result["ious"][0] >= 0.5 for result in results])
of_first = np.array([result["offers"][0].score for result in results])
print(f"mean score of right answers {of_first[hits].mean():.2f}, of failures {of_first[~hits].mean():.2f}")
plots.score_strips(asked_scores, "Scores of what happens, and of what never does")

# %% [markdown]
# If the score told truth from fiction, the rows would not overlap, and the percentages would be 100; at 50 a
# coin would do as well. Whoever needs a "never" has to train for it, with questions whose answer it is.
#
# ## 8. Take it with you
#
# A timeline can be saved as one HTML file: the video, the frames, the script and the numbers are inside. It
# opens in any browser, on any computer, without a network.

# %%
page = Path(tempfile.mkdtemp()) / "timeline.html"
labelled = [Moment(m.start, m.end, m.score, m.start_std, m.end_std, query) for m in answer.moments]
true_moments = [Moment(*span) for span in truth]
video = samples / record["path"]
Timeline(duration, labelled, query=query, video_path=video, truth=true_moments).save_html(page)
text = page.read_text()
print(f"{page.name}: {len(text) / 1000:.0f} KB")
print("addresses of other files in it:", len(re.findall(r"""(?:src|href)=["']?(?!data:)[^"'\s>]+""", text)))

# %% [markdown]
# This notebook, with its timelines, becomes such a page by `python notebooks/export.py 06`.
#
# ## What could go wrong
#
# - **Attention taken for a reason.** A head that looks at the right frames need not be what the answer rests
#   on. Take the frames away and see.
# - **The standard deviation taken for the chance of being right.** It tells how wide one peak is. Whether it
#   is the right peak, only the score may tell.
# - **The best answers shown, the others not.** Sort all of them, look at the worst.
# - **Small groups of queries compared.** Look at the intervals first.
#
# ## Summary
#
# - A boundary is a distribution over anchors; its mean around the peak is the time, its spread the
#   uncertainty. The start is fed back, and the end follows.
# - `top_k` follows the other peaks; several true moments stand in the answer itself.
# - The uncertainty can be checked: count how often the truth lies inside.
# - Failures have kinds, and code finds them. The model cannot say "never".
#
# ## Next
#
# [07 · Evaluation](07_evaluation_and_ablation.ipynb) makes one figure of all these answers, and says how
# sure it is. Back to [05 · Training with LoRA](05_lora_training.ipynb): where the pointing comes from.
