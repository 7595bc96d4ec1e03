# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 08 · Your own video, and a GPU
#
# - **You will be able to**: take a video of your own all the way to an answer; show by numbers when a
#   model's answer means nothing; say what the larger presets need (files, memory, time) before anything is
#   downloaded; run and train them with the same code
# - **Know before**: notebooks 00 to 02; 05 for the last section
# - **Minutes**: {read} to read and solve, 1 to run
# - **Hardware**: any computer; cells marked *GPU* do more where there is one
# - **Downloads**: none by itself; a cell in section 7 downloads if you tell it to
# - **Account**: none

# %%
import json
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from ipywidgets import FileUpload

from momentor_lib import Predictor, load_video, probe, shipped
from momentor_lib.checks import your_video as checks
from momentor_lib.model import hub, presets, sizes
from momentor_lib.model.momentor import Momentor
from momentor_lib.timecode import for_people
from momentor_lib.toy.writer import write_toy, write_video
from momentor_lib.viz import plots, size_plots
from momentor_lib.viz.controls import uploaded

# %% [markdown]
# ## 1. Your video
#
# Write the path of a video of yours between the quotation marks, or upload one with the button (small ones;
# a file of more than 10 MB goes beside the notebook, and its path in here). If you do neither, the notebook
# goes on with a video that it draws.

# %%
my_video = ""  # for instance "holiday.mp4"
upload = FileUpload(accept="video/*", multiple=False, description="Upload a video")
upload


# %%
def draw_sunrise(frames=120, height=96, width=144):
    """Twelve seconds; the sun comes up behind hills from 2 s to 8 s. uint8 [T, 3, H, W]"""
    y, x = np.mgrid[0:height, 0:width]
    hills = 62 + 8 * np.sin(x / 17) + 5 * np.sin(x / 7)
    movie = []
    for seconds in np.arange(frames) / 10:
        up = np.clip((seconds - 2) / 6, 0, 1)
        light = 0.25 + 0.75 * up
        sky = np.stack([90 + 110 * up - 0.4 * y, 90 + 60 * up + 0 * x, 140 + 40 * up + 0.5 * y])
        sun = np.exp(-((x - 70) ** 2 + (y - 75 + 50 * up) ** 2) / 120)
        picture = sky * light + sun * np.array([255, 200, 90])[:, None, None]
        picture = np.where(y > hills, np.array([40, 70, 35])[:, None, None] * light, picture)
        movie.append(picture.clip(0, 255).astype(np.uint8))
    return np.stack(movie)


# %%
folder = Path(tempfile.mkdtemp())
sent = list(uploaded(upload.value))
if sent:
    name, content = sent[0]
    video = folder / Path(name).name
    video.write_bytes(content)
elif my_video:
    video = Path(my_video)
else:
    video = folder / "sunrise.mp4"
    write_video(video, draw_sunrise())
info = probe(video)
print(f"{video.name}: {info.duration:.1f} s, {info.width} x {info.height}, {info.codec}")
print(f"{info.num_frames} frames, {info.fps:.1f} a second, stored turned by {info.rotation} degrees")

# %% [markdown]
# `probe` reads whatever FFmpeg reads, and says in one line what is wrong with a file that it cannot read.
# Now the model's own view: it takes a fixed number of frames, evenly over the whole video, and makes each of
# them small and square.

# %%
predictor = Predictor("tiny").set_video(video)
seen = predictor.frames
chosen = np.linspace(0, len(seen) - 1, 8).round().astype(int)
side = predictor.processor.image_size
large = load_video(video, num_frames=8, size=160)
centre = predictor.processor.pixel_values(seen)[chosen]  # [8, 3, S, S], as the frame encoder gets it
mean, std = (
    torch.tensor(v)[:, None, None] for v in (predictor.processor.image_mean, predictor.processor.image_std)
)
small = ((centre * std + mean) * 255).clamp(0, 255).byte().numpy()
print(f"{len(seen)} frames of {side} x {side} pixels, one every {seen.duration / (len(seen) - 1):.2f} s")
plots.contact_sheet([large.pixels], [[f"{t:.1f} s" for t in large.times]], ["The video"])

# %%
plots.contact_sheet([small], [[f"{t:.1f} s" for t in seen.times[chosen]]], ["What the tiny model gets of it"])

# %% [markdown]
# ## 2. The answer, and a warning
#
# Ask what you like. Change the questions to fit your video.

# %%
questions = ["the sun rises behind the hills", "a dog catches a ball", "the yellow circle moves up"]
for question in questions:
    answer = predictor.ground(question)
    spans = [f"{m.start:.1f} s to {m.end:.1f} s, score {m.score:.2f}" for m in answer.moments]
    print(f"{question:32s}", *spans or ["nothing"])
print("\nwarning:", *answer.warnings or ["none"])

# %% [markdown]
# It has an answer to everything, also to what never happens, and each has a start, an end and a score like
# any other. Only the warning tells.
#
# ## 3. How does it know that it does not know?
#
# When the model was trained, the mean frame feature of every training video was noted, and how these means
# scatter. For a new video we ask how far its own mean lies from theirs, in units of that scatter: the
# squared **Mahalanobis distance**. Beyond a threshold the library warns.


# %%
def distance(path):
    """Squared distance of a video's mean frame feature from those of the training videos."""
    model, processor = predictor.model, predictor.processor
    frames = load_video(path, num_frames=processor.num_frames, size=processor.image_size)
    with torch.no_grad():
        pixels = processor.pixel_values(frames)[None].to(model.device)
        return predictor.domain.distance(model.encode_frames(pixels)[0].cpu())


# %%
write_toy(folder / "studio", 6, seed=3, world="studio")  # other colours than the tiny model's
write_video(folder / "noise.mp4", np.random.default_rng(0).integers(0, 256, (80, 3, 96, 96), dtype=np.uint8))
groups = {
    "sample videos": sorted(shipped("data_samples/videos").glob("*.mp4")),
    "the studio, other colours": sorted((folder / "studio" / "videos").glob("*.mp4")),
    "your video": [video],
    "noise": [folder / "noise.mp4"],
}
far = {name: [distance(path) for path in paths] for name, paths in groups.items()}
threshold = float(predictor.domain.threshold)
for name, values in far.items():
    outside = sum(value > threshold for value in values)
    print(f"{name:26s} {min(values):6.0f} to {max(values):6.0f}, {outside} of {len(values)} warned about")

# %%
size_plots.distances(far, threshold, "What is unlike home should lie far from it")

# %% [markdown]
# Left of the dashed line is home. The studio is a lesson: its colours and words are new, but its videos look
# so much like home that those left of the line get no warning. **A warning means that an answer is worth
# nothing. No warning does not mean that it is worth something.**
#
# ### Why the answer means nothing
#
# The language model has read sentences of one kind only. Which words of a question has it ever seen used?

# %%
records = [json.loads(line) for line in shipped("data_samples/annotations.jsonl").read_text().splitlines()]
told = " ".join([query["query"] for record in records for query in record["queries"]])
known = set(re.findall(r"[a-z]+", told))
print(f"{len(known)} words in the queries of the sample videos\n")
tokenizer = predictor.processor.tokenizer
for question in questions:
    words = question.lower().split()
    new = [word for word in words if word not in known]
    pieces = tokenizer.tokenize(" " + question)
    print(f"{question}\n  not among them: {', '.join(new) or '-'}")
    print(
        f"  {len(words)} words in {len(pieces)} pieces: {' '.join(piece.lstrip('Ġ▁') for piece in pieces)}\n"
    )

# %% [markdown]
# A word that it never learned falls into letters and scraps of other words. And when it speaks, it can only
# say what it knows. This is its account of your video:

# %%
events = predictor.events()
for event in events[:5]:
    print(f"{event.start:6.1f} s to {event.end:6.1f} s  {event.label}")
spoken = re.findall(r"[a-z]+", " ".join(event.label for event in events))
share = np.mean([word in known for word in spoken]) if spoken else 1.0
print(f"\n{share:.0%} of these words are words of the toy world")

# %%
home, away = [], []
for record in records[:4]:
    home_predictor = Predictor("tiny").set_video(shipped("data_samples") / record["path"])
    asked = [query["query"] for query in record["queries"]]
    home += [m.score for answer in home_predictor.ground_many(asked) for m in answer.moments[:1]]
    away += [m.score for answer in predictor.ground_many(asked) for m in answer.moments[:1]]
for name, scores in (("sample videos", home), ("your video, the same questions", away)):
    print(
        f"score of the first moment, {name:32s} {np.mean(scores):.2f} on average, highest {max(scores):.2f}"
    )

# %% [markdown]
# Compare the two lines. The questions of the second are about things that are not in your video at all, and
# still the scores are no zeros. A score compares an answer with the model's other possible answers, never
# with the world.
#
# ## 4. How long may a video be?
#
# One more limit, and this one holds for every model. $M$ frames are spread evenly over the whole video, the
# first at 0 and the last at its end. What happens between two of them is not seen.

# %%
minutes = [0.5, 1, 2, 5, 10, 30, 60]
gaps = {f"{frames} frames": [60 * m / (frames - 1) for m in minutes] for frames in (64, 300)}
size_plots.spacing(minutes, gaps, "A longer video has longer gaps between its frames")

# %% [markdown]
# The lower line is the `colab` and `paper` presets', the upper one the tiny model's. A time between two
# frames can be guessed from how things move, so boundaries are often better than the gap (README), but an
# event shorter than a gap may be missed.
#
# ### Exercise 1: how many frames?
#
# A video of `duration` seconds; no two neighbouring frames may lie more than `gap` seconds apart. How many
# frames are needed at least?


# %% tags=["exercise"]
def frames_needed(duration, gap):
    """The smallest number of evenly spread frames, the first at 0, the last at the end, no gap above gap."""
    # Your code here.


# %% tags=["solution"]
def frames_needed(duration, gap):
    """The smallest number of evenly spread frames, the first at 0, the last at the end, no gap above gap."""
    return int(np.ceil(duration / gap)) + 1


# %% tags=["check"]
checks.frames_needed(frames_needed)

# %% [markdown]
# ## 5. Three sizes of one model
#
# A **preset** is a function that returns sizes, nothing else. The same class takes all three. We build them
# on torch's `meta` device, where a tensor has a shape and no numbers, so that 7 billion parameters fit into
# any computer.

# %%
models = {}
for name, config_of in presets.PRESETS.items():
    with torch.device("meta"):
        models[name] = Momentor(config_of())
    config, numbers = models[name].config, sizes.count_parameters(models[name])
    print(f"{name:6s} {type(models[name]).__name__}, {sum(numbers.values()):13,d} parameters")
    print(f"       {config.num_frames} frames of {config.vision_config.image_size} pixels,", end=" ")
    print(f"{config.num_temporal_tokens} anchors, language model {config.text_config.hidden_size} wide")


# %%
def names_of(model):
    """The names of a model's parameters, with a sign in place of each layer's number."""
    return {re.sub(r"\.\d+\.", ".#.", name) for name, _ in model.named_parameters()}


paper = names_of(models["paper"])
print(f"paper: {len(paper)} kinds of parameters")
for name in ("colab", "tiny"):
    own = names_of(models[name])
    print(f"{name}: {len(own & paper)} of them", end="; ")
    print("lacks", *sorted(paper - own) or ["none"], end="; ")
    print("has besides", *sorted(own - paper) or ["none"])

# %% [markdown]
# The small ones lack a table of their own for writing words (`lm_head`): they read and write with one. What
# `tiny` has besides is a help for so small a model, the difference of neighbouring frames, written down as a
# departure from the paper. All else is the same, layer by layer.
#
# ### What a video takes
#
# On the `meta` device the model can even *run*: shapes go through every layer, and operations are counted.

# %%
counted = {name: sizes.count(config_of()) for name, config_of in presets.PRESETS.items()}
print("        parameters   weights, GB: float32  bfloat16   4 bits   keys and values, bfloat16")
for name, size in counted.items():
    weights = [sizes.language_bytes(size, p) + 4 * size.parameters["vision_model"] for p in sizes.PRECISIONS]
    kept = sizes.memory(size, "bfloat16")["keys and values"]
    print(f"{name:6s} {sum(size.parameters.values()) / 1e6:8.0f} M", end=" " * 16)
    print(*[f"{gigabytes / 1e9:8.2f}" for gigabytes in weights], f"{kept / 1e6:16.1f} MB")

# %% [markdown]
# The frame encoder is counted in float32 throughout; the columns are about the language model. Four bits are
# what `--four-bit` takes: the layers shrink, the tables of words stay.
#
# ### Exercise 2: keys and values
#
# For every token of video and text, each layer keeps a key and a value (notebook 06: a video is encoded
# once). How many bytes is that? A language model's configuration has `num_hidden_layers`,
# `num_key_value_heads` and `head_dim`, the width of one head.


# %% tags=["exercise"]
def cache_bytes(text_config, tokens, bytes_per_number):
    """Bytes of the keys and values of so many tokens, in all layers."""
    # Your code here.


# %% tags=["solution"]
def cache_bytes(text_config, tokens, bytes_per_number):
    """Bytes of the keys and values of so many tokens, in all layers."""
    per_layer = text_config.num_key_value_heads * text_config.head_dim
    return 2 * text_config.num_hidden_layers * per_layer * tokens * bytes_per_number


# %% tags=["check"]
checks.cache_bytes(cache_bytes)

# %%
needs = {}
for name, precision in (
    ("tiny", "float32"),
    ("colab", "float32"),
    ("paper", "bfloat16"),
    ("paper", "4 bits"),
):
    parts = sizes.memory(counted[name], precision)
    needs[f"{name}, {precision}"] = {use: amount / 1e9 for use, amount in parts.items()}
t4 = sizes.MACHINES[0]
size_plots.memory_bars(
    needs, {t4.name: t4.memory / 1e9}, "The paper's model fills a T4; in four bits it leaves room"
)

# %% [markdown]
# These are **estimates**: weights and keys are counted, what a layer needs in passing is taken as twice the
# largest tensor, and what the GPU's own software takes, often a gigabyte, is left out.
#
# ### Exercise 3: which model for which machine?
#
# Given what each model needs and what a machine has, both in GB, choose the one that needs most and still
# leaves **a tenth of the memory free**.


# %% tags=["exercise"]
def choose(needs, memory):
    """needs: name -> GB; memory: GB. The name of the largest that leaves a tenth free, None if none does."""
    # Your code here.


# %% tags=["solution"]
def choose(needs, memory):
    """needs: name -> GB; memory: GB. The name of the largest that leaves a tenth free, None if none does."""
    fitting = [name for name, amount in needs.items() if amount <= 0.9 * memory]
    return max(fitting, key=needs.get, default=None)


# %% tags=["check"]
checks.choose(choose)

# %% [markdown]
# And time? We take the operations of frame encoder and language model, and a part of what the maker of a GPU
# promises. To write one token, all weights of the language model are read from memory once. **Estimates**
# again, meant to tell seconds from minutes:

# %%
print(f"estimated at {sizes.USED:.0%} of the peak; seconds to")
print("                                encode a video  read it   write 10 tokens")
for machine in sizes.MACHINES:
    for name, precision in (("colab", "float32"), ("paper", "bfloat16"), ("paper", "4 bits")):
        if sum(sizes.memory(counted[name], precision).values()) > 0.9 * machine.memory:
            print(f"{name}, {precision:8s} on {machine.name:12s}: does not fit")
            continue
        took = sizes.seconds(counted[name], machine, precision)
        encode, read, token = took.values()
        print(f"{name}, {precision:8s} on {machine.name:12s} {encode:12.2f} {read:9.2f} {10 * token:17.3f}")

# %% [markdown]
# Most of the time goes into the frames, once for a video; questions are cheap afterwards. That is why
# `momentor extract` makes frame features only once before a training.
#
# ## 6. From tiny to 7 billion: change a word
#
# Everything in this course takes a preset's name: `Predictor("paper")`, `momentor ground --model paper`,
# `momentor train --preset paper`. The large presets are put together from parts that others trained:

# %%
for name, parts in presets.BACKBONES.items():
    size = counted[name].parameters
    numbers = size["vision_model"], size["layers"] + size["words"]
    print(name)
    for part, count in zip(parts, numbers, strict=True):
        here = "on this machine" if part not in presets.lacking(name) else "not on this machine"
        print(f"  {part:38s} {count / 1e6:6.0f} M, {2 * count / 1e9:5.2f} GB in 16 bits; {here}")

# %% [markdown]
# They are downloaded when they are first needed, and the exact size is said before: it can be twice this and
# more, since files may be in 32 bits, and a CLIP's hold its reader of texts too. And without a network? Let
# us see, in a process of its own that is told that there is none:

# %%
import os
from subprocess import run

alone = {"HF_HUB_OFFLINE": "1", "HF_HOME": "no_cache", "MOMENTOR_HOME": "momentor_home"}
command = "from momentor_lib.cli import main; raise SystemExit(main())"
arguments = ["ground", str(video.resolve()), "the sun rises", "--model", "paper"]
done = run(
    [sys.executable, "-c", command, *arguments],
    env=os.environ | alone,
    cwd=folder,
    capture_output=True,
    text=True,
)
print("exit code", done.returncode)
print(done.stderr.strip().replace("; ", ";\n  "))

# %% [markdown]
# One line (broken here for reading), and it names the folders into which the files can be put by hand: copy
# them there from another computer and run the same command again. Without `MOMENTOR_HOME` they are:

# %%
for part in presets.BACKBONES["paper"]:
    print(str(hub.folder_by_hand(part)).replace(str(Path.home()), "~"))

# %% [markdown]
# For a whole classroom without a network there is `momentor fetch --offline-pack DIR`: packages, the tiny
# model and this course in one folder, with a script that sets up from it.

# %% [markdown]
# ## 7. On a GPU
#
# The next cells do the real thing where there is a CUDA GPU with room enough and the files are there.
# Elsewhere they say in a line what they would do. Set `download` to True to fetch the smaller preset's parts.

# %% tags=["gpu"]
download = False
if download and torch.cuda.is_available():
    presets.load("colab")
else:
    what = ", ".join(presets.lacking("colab")) or "nothing, all is here"
    print(f"with download = True on a GPU, this would fetch for colab: {what}")


# %%
def why_not(name, precision):
    """Why a preset cannot run here and now; empty where it can."""
    if not torch.cuda.is_available():
        return "torch finds no CUDA GPU here"
    if missing := presets.lacking(name):
        return f"not on this machine: {', '.join(missing)}"
    need, free = sum(sizes.memory(counted[name], precision).values()), torch.cuda.mem_get_info()[0]
    return "" if need < 0.9 * free else f"{need / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free"


# %% tags=["gpu", "slow"]
for name, precision in (("colab", "float32"), ("paper", "bfloat16")):
    if reason := why_not(name, precision):
        frames = models[name].config.num_frames
        print(f"{name}: would load it, encode {frames} frames of your video, ask; skipped: {reason}")
        continue
    torch.cuda.reset_peak_memory_stats()
    large, started = Predictor(name), time.perf_counter()
    large.set_video(video)
    encoded = time.perf_counter()
    said = large.ground(questions[0])
    print(
        f"{name}: {encoded - started:.1f} s to encode, {time.perf_counter() - encoded:.1f} s to answer,",
        end=" ",
    )
    print(f"{torch.cuda.max_memory_allocated() / 1e9:.1f} GB at most; it says: {for_people(said.text)[:60]}")
    del large

# %% [markdown]
# What such a model says is **noise until it is trained**: frame encoder and language model know much, but
# the projection between them and the temporal tokens are new. And a model that was never trained knows no
# home, so it does not warn.
#
# ## 8. Training it
#
# The three stages of notebook 05, with another preset. On Colab (Runtime, Change runtime type, T4 GPU), with
# Moment-10M's files and videos, or the engine's (notebook 04):
#
# ```
# momentor train --stage align    --preset colab      --data moment10m.json --videos videos --out runs/align \
#     --precision fp16
# momentor train --stage gesm     --preset runs/align --data gesm.json      --videos videos --out runs/gesm \
#     --precision fp16
# momentor train --stage instruct --preset runs/gesm  --data moment10m.json --videos videos --out runs/last \
#     --precision fp16 --lora
# ```
#
# On an A100 the same with `--preset paper --precision bf16 --gradient-checkpointing`. On several GPUs:
# `accelerate launch --num_processes 8 -m momentor_lib.training` in place of `momentor train`. A Colab session
# may end at any time: write `--out` to a mounted drive, and `--resume` goes on where it was. The README
# (*Training*) has memory and time of each, measured or estimated, and says which.
#
# ### Exercise 4: the same batch on a smaller machine
#
# `--batch` is the number of sequences that one step learns from, over all GPUs. If a GPU cannot hold its
# share at once, `--micro-batches K` takes it in $K$ equal passes, whose gradients are added up: the step is
# the same, it only takes longer. Find the smallest $K$.


# %% tags=["exercise"]
def passes(batch, fits, gpus):
    """The smallest K: batch = K * gpus * (sequences a pass), a whole number of them and at most fits."""
    # Your code here.


# %% tags=["solution"]
def passes(batch, fits, gpus):
    """The smallest K: batch = K * gpus * (sequences a pass), a whole number of them and at most fits."""
    shares = (k for k in range(1, batch + 1) if batch % (k * gpus) == 0 and batch // (k * gpus) <= fits)
    return next(shares, None)


# %% tags=["check"]
checks.passes(passes)

# %% [markdown]
# ## What could go wrong
#
# - **A video that a player shows and a browser does not.** `mp4v` in an `.mp4` (OpenCV's default) is read
#   here, but browsers play H.264. TROUBLESHOOTING.md has the command that converts it.
# - **No warning taken for a yes.** See the studio above.
# - **Memory for weights only.** Training with LoRA adds activations of every layer, gradients and the
#   optimizer's numbers; that is several times what answering takes.
# - **float16 on an A100, bfloat16 on a T4.** The T4 has no bfloat16; where there is one, it is the safer.
#
# ## Summary
#
# - `probe`, `load_video`, `Predictor`: three calls from your file to an answer.
# - Distance to the training videos says when an answer is worth nothing. It does not say when it is worth
#   something.
# - What a model needs can be counted before it is downloaded: build it on the `meta` device.
# - From tiny to 7 billion, only a name changes. What is new in between has to be trained.
#
# ## Next
#
# The course ends here. Take a video of your own world, draw its annotations or let the engine make them
# ([04 · The data engine](04_data_engine.ipynb)), and train the `colab` preset on them.
