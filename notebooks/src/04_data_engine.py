# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 04 · The data generation engine: from videos to instructions
#
# - **You will be able to**: find where events begin and end from the differences between frames; merge
#   what was cut too finely; follow instances through a scene; read an instance-event matrix; make and
#   filter instructions from it, for any folder of videos
# - **Know before**: notebook 03; what a cosine is
# - **Minutes**: {read} to read and solve, 1 to run
# - **Hardware**: any computer, two CPU cores are enough
# - **Downloads**: none
# - **Account**: none

# %%
import json
import tempfile
from pathlib import Path

import numpy as np
from IPython.display import HTML
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import linear_sum_assignment
from scipy.signal import find_peaks

from momentor_lib import shipped
from momentor_lib.checks import data_engine as checks
from momentor_lib.engine import plots
from momentor_lib.engine.looking import look_at
from momentor_lib.engine.scores import score_frames
from momentor_lib.engine.settings import Settings

# %% [markdown]
# ## 1. Where do ten million instructions come from?
#
# Nobody typed them. An **engine** looked at the videos: it found who is there, when something begins and
# ends, who does what in which event, and asked a language model to write questions and answers about that
# table. The paper describes five steps; nobody has released them. This notebook builds them.
#
# The paper's engine needs four large models. Ours can use them too (`--backends paper`), but here we use
# the **offline** backend: it looks at toy videos with OpenCV, at the pixels alone. The toy world's script,
# which knows the truth, stays in its drawer until we compare.

# %%
video = shipped("data_samples/videos/toy_test_7_0002.mp4")
settings = Settings()
look = look_at(video, settings)
print(look.pixels.shape, f"{look.fps:.0f} frames a second, {look.duration:.1f} s")
lines = map(json.loads, shipped("data_samples/annotations.jsonl").read_text().splitlines())
truth = next(line for line in lines if line["id"] == video.stem)
plots.frames(look, 8, "Eight frames of the video")

# %% [markdown]
# ## 2. The difference signal
#
# How much changes from one frame to the next? PySceneDetect gives each frame a score: the mean change of
# its pixels' saturation and brightness.

# %%
scores = score_frames(look.pixels, settings)
print("cuts found:", look.times[scores.cuts], "   true:", [scene["start"] for scene in truth["scenes"][1:]])
plots.curve(look.times, scores.values, "Cuts tower over everything else", cuts=look.times[scores.cuts])

# %% [markdown]
# A cut is easy. An event is not: a small instance that sets off changes few pixels of the frame. So we
# first find the instances, and then ask the same question about the region of each.
#
# ## 3. Instances: boxes, then tracks
#
# The detector marks what stands out from the backdrop, frame by frame. Which box of this frame belongs to
# which track of the frames before? Every pair has a cost: how little the boxes overlap, plus how different
# they look. We want the pairing whose *sum* of costs is least.
#
# `scipy.optimize.linear_sum_assignment` finds it:

# %%
cost = np.array([[0.1, 0.2], [0.2, 0.9]])  # two tracks, two boxes
rows, columns = linear_sum_assignment(cost)
for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
    print(f"track {row} gets box {column}, which costs {cost[row, column]}")

# %% [markdown]
# ### Exercise 1: pair tracks and boxes
# A pair that costs more than `worst` is none.


# %% tags=["exercise"]
def pair(cost, worst):
    """Pairs (row, column) of costs [P, K] with the least sum, none of which costs more than ``worst``."""
    # Your code here.


# %% tags=["solution"]
def pair(cost, worst):
    """Pairs (row, column) of costs [P, K] with the least sum, none of which costs more than ``worst``."""
    allowed = np.where(cost > worst, 1e6, cost)
    rows, columns = linear_sum_assignment(allowed)
    return [(r, c) for r, c in zip(rows, columns, strict=True) if allowed[r, c] < 1e6]


# %% tags=["check"]
checks.pair(pair)

# %% [markdown]
# The library does it for every frame. A track lives on for a while without being seen (a blinking instance
# fades away and comes back) and ends at a cut.

# %%
from momentor_lib.engine.load import load_backends
from momentor_lib.engine.pipeline import VideoRun

folder = Path(tempfile.mkdtemp())
run = VideoRun(video, folder / video.stem, load_backends("offline", settings), settings)
for number, track in enumerate(run.tracks):
    span = f"{look.times[track.first]:5.1f} s to {look.times[track.last]:5.1f} s"
    print(f"{number}  {track.name:16s} scene {track.scene}  {span}  seen in {len(track.frames)} frames")
plots.tracks(look, run.tracks, frame=len(look) // 4, title="Boxes and names, from pixels alone")

# %% [markdown]
# ## 4. The filter and the peaks
#
# Now the difference signal of one instance's region. While it moves the score is high, while it rests it is
# low, and compression makes it restless. A **Gaussian filter** calms it. An event begins and ends where the
# smoothed curve is *steepest*: there its slope has a local maximum.
#
# `gaussian_filter1d(curve, sigma)` smooths, `find_peaks(curve, height=...)[0]` gives the local maxima:

# %%
spike = np.array([0, 0, 0, 8, 0, 0, 0, 0])
print(gaussian_filter1d(spike.astype(float), 1.0).round(2), "peak at", find_peaks(spike, height=1)[0])

# %% [markdown]
# ### Exercise 2: smooth, then find the peaks


# %% tags=["exercise"]
def peaks(curve, sigma, threshold):
    """Frames where a curve [T], smoothed by ``sigma`` frames, has a local maximum above ``threshold``."""
    # Your code here.


# %% tags=["solution"]
def peaks(curve, sigma, threshold):
    """Frames where a curve [T], smoothed by ``sigma`` frames, has a local maximum above ``threshold``."""
    smoothed = gaussian_filter1d(curve, sigma)
    return find_peaks(smoothed, height=threshold)[0]


# %% tags=["check"]
checks.peaks(peaks)

# %%
from momentor_lib.engine.boundaries import region_scores, slope_of, smooth

busiest = max(range(len(run.tracks)), key=lambda n: sum(e.track == n for e in run.matrix.events))
track = run.tracks[busiest]
first, stop = track.scene_frames
region = region_scores(look.pixels[first:stop], track, settings)
times = look.times[first:stop]
slope = slope_of(region, look.fps, settings)
found = find_peaks(slope, height=settings.peak)[0]
curves = {"root of the score": np.sqrt(region), "smoothed": smooth(np.sqrt(region), look.fps, settings)}
title = f"The region of the {track.name} changes while it acts"
plots.slope(times, curves, slope, found, settings.peak, title)

# %% [markdown]
# ## 5. Merging what belongs together
#
# Too many candidates: an instance that blinks or bounces stands still for a moment again and again. The
# paper merges two neighbours where they are **consistent**:
#
# $$\text{Consistency} = \cos(F', F'') + \frac{1}{|U|} \sum_{i \in U} \cos(F'_i, F''_i)\,(1 - \text{Dist}_i)$$
#
# $F'$ and $F''$ are features of the frames before and after the boundary, $F_i$ those of an instance, $U$
# all instances of either side. $\text{Dist}_i$ is how far an instance is from where it was, and 1 for one
# that is seen on one side only.
#
# ### Exercise 3: the consistency


# %% tags=["exercise"]
def consistency(frame_before, frame_after, before, after, distances):
    """The paper's formula.

    ``before`` and ``after``: name -> feature of each instance.
    ``distances``: name -> Dist, of those on both sides.
    """
    # Your code here.


# %% tags=["solution"]
def consistency(frame_before, frame_after, before, after, distances):
    """The paper's formula.

    ``before`` and ``after``: name -> feature of each instance.
    ``distances``: name -> Dist, of those on both sides.
    """

    def cosine(a, b):
        return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))

    everyone = before.keys() | after.keys()
    shares = [cosine(before[i], after[i]) * (1 - distances[i]) for i in before.keys() & after.keys()]
    return cosine(frame_before, frame_after) + sum(shares) / max(1, len(everyone))


# %% tags=["check"]
checks.consistency(consistency)

# %% [markdown]
# Frames just before and just after an instance sets off look alike. So our features $F_i$ also say how an
# instance *changes* there: whether it moves, grows, turns or fades. (This is a departure from the paper,
# which is silent on what the features see.) And since our candidates belong to an instance each, $U$ leaves
# out who has a boundary of its own near by: that change is told already, and must not cut in two what
# another instance goes on doing.

# %%
true_times = sorted(
    [scene["start"] for scene in truth["scenes"][1:]]
    + [t for e in truth["events"] for t in (e["start"], e["end"])]
)
plots.boundaries(run.boundaries, true_times, look.duration, "What is kept lies where the truth is")

# %% [markdown]
# How good is that, and what does each part do? Two shares count: found boundaries that are true, and true
# ones that were found. **F1** is their harmonic mean: high only where both are. A boundary is right within
# 0.3 s of a true one. (`python -m benchmarks.engine_scores` measures it on 60 videos.)

# %%
from dataclasses import replace

from momentor_lib.engine.boundaries import boundary_f1, find_boundaries

ways = {"whole": {}, "without the Gaussian filter": {"sigma": 0.0}, "without merging": {"merging": False}}
for name, change in ways.items():
    other = replace(settings, **change)
    times = find_boundaries(look, scores, run.tracks, run.backends.captioner.embed, other).times
    score = boundary_f1(times, true_times)
    print(f"{name:28s} F1 {score:.2f}, {len(times)} boundaries, {len(true_times)} true ones")

# %% [markdown]
# ## 6. The instance-event matrix
#
# Rows are instances, columns are the stretches between boundaries, a cell says what the instance does
# there. The whole video is the last row.

# %%
from momentor_lib.engine.matrix_view import as_html

HTML(as_html(run.matrix))

# %%
from momentor_lib.engine.pipeline import to_records
from momentor_lib.engine.report import timeline

print("true:", *[f"{e['start']:.1f}-{e['end']:.1f} s {e['caption']}" for e in truth["events"]], sep="\n  ")
print("made:", *[f"{e.start:.1f}-{e.end:.1f} s {e.caption}" for e in run.matrix.events], sep="\n  ")
HTML(timeline(run.matrix, run.boundaries, to_records(run.tracks)))

# %% [markdown]
# ## 7. Instructions
#
# From the table everything else follows: captions, questions, and moments that answer them. The offline
# writer fills templates; with the paper's backends a chat model writes, one prompt a task.

# %%
from momentor_lib.engine.instructions import write_instructions

drafts = write_instructions(run.matrix, run.backends.writer)
for data_type, several in drafts.items():
    one = several[0]
    print(f"{data_type} ({len(several)})\n    Q  {one.question}\n    A  {one.answer}   {one.variables}")

# %% [markdown]
# ## 8. Filtering
#
# An engine errs. Each instruction gets a score: how well do its words and its frames go together, by a
# CLIP? The published thresholds belong to the paper's CLIP. Ours is another one, with another scale, so
# its threshold was fitted on validation videos, to keep nearly all true instructions
# (`python -m momentor_lib.engine.tune`). Let us lie to it:

# %%
from momentor_lib.engine.filtering import TINY_CLIP, similarity_of

clip = run.backends.clip
draft = drafts["segment_caption_data"][0]
for shown in (draft.shown, "a white ring", "a purple cross"):
    value = similarity_of(replace(draft, shown=shown), look, clip, {})
    print(f"{shown:16s} {value:6.2f}  {'kept' if value > TINY_CLIP else 'dropped'}")

# %% [markdown]
# ## 9. A folder of videos
#
# `momentor engine VIDEOS OUT` does all of this for many videos. It can be stopped at any moment and goes on
# where it was; a file that is no video is reported and left out. More videos to try it on:
# `momentor toy OUT --videos 20 --seed 1` writes some, with the truth beside them.

# %%
from momentor_lib.data.check import check_file
from momentor_lib.engine.run import generate

outcome = generate(sorted(video.parent.glob("*.mp4"))[:2], folder / "out", progress=False)
print(outcome)
for name in ("moment10m.json", "gesm.json"):
    report = check_file(folder / "out" / name)
    print(name, "clean" if report.clean else report, report.videos, "videos,", report.spans, "spans")
print(sorted(path.name for path in (folder / "out").iterdir() if not path.name.startswith(".")))

# %% [markdown]
# ## What could go wrong
#
# - **Other videos.** The offline backend knows eight shapes and eleven actions. On a real video it finds
#   the cuts and what moves, and names it by colour and size: use `--backends paper` there.
# - **Boundaries without instances.** The score of the whole frame misses small events. The score of a
#   region finds them, but only if the instance was found.
# - **Errors add up.** A wrong name spoils every instruction about that instance. That is why the last step
#   filters, and why one looks at `report.html` before one trains.
#
# ## Summary
#
# - Differences between frames, smoothed, have their peaks where something begins or ends.
# - What was cut too finely is merged by consistency, of frames and of instances.
# - Tracks come from pairing boxes with the least sum of costs.
# - The instance-event matrix says who does what when; instructions and GESM follow from it.
# - A CLIP judges the result; thresholds belong to the CLIP that they were set for.
#
# ## Next
#
# `momentor convert` and `momentor train` take the engine's files:
# [05 · Training with LoRA](05_lora_training.ipynb) teaches a model with such data.
