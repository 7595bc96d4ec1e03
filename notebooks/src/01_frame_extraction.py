# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 01 · From a video file to frames with times
#
# - **You will be able to**: read a video file with its true timestamps; choose frames evenly in time, with
#   PyAV and with decord; say why counting frames gives wrong times; turn frames into CLIP features
# - **Know before**: a little Python and NumPy; nothing about video
# - **Minutes**: {read} to read and solve, 1 to run
# - **Hardware**: any computer, two CPU cores are enough
# - **Downloads**: none
# - **Account**: none

# %%
import inspect
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import decord
import numpy as np
import torch

from momentor_lib import VideoError, load_video, probe, shipped, video
from momentor_lib.checks import frame_extraction as checks
from momentor_lib.model import presets
from momentor_lib.viz import plots

# %% [markdown]
# ## 1. The idea
#
# Momentor answers *when* something happens. It can only be right about time if every picture that it sees
# carries the right time.
#
# So a video goes through four steps before a model reads it. This notebook is about the first two, and
# looks into the third.

# %%
plots.video_to_tokens()

# %% [markdown]
# ## 2. What is in the file
#
# We use one of the course's sample videos: coloured shapes that move on a plain ground. It is small, and we
# know exactly what happens in it.
#
# A file such as `.mp4` is a **container**: a box that holds streams (pictures, sound) and a table of
# contents. The pictures are compressed by a **codec** (here H.264). [PyAV](https://pyav.org) opens both.

# %%
sample = shipped("data_samples/videos/toy_test_7_0002.mp4")

with av.open(str(sample)) as container:
    stream = container.streams.video[0]
    print("file size      ", f"{sample.stat().st_size / 1000:.0f} kB")
    print("codec          ", stream.codec_context.name)
    print("picture        ", f"{stream.width} x {stream.height} pixels")
    print("time base      ", stream.time_base, "s")
    print("average rate   ", float(stream.average_rate), "frames a second")
    print("frames         ", stream.frames)
    raw = stream.frames * stream.width * stream.height * 3
print("uncompressed   ", f"{raw / 1e6:.1f} MB, {raw / sample.stat().st_size:.0f} times the file")
print("in one call    ", probe(sample))

# %% [markdown]
# How can the file be so small? Most pictures are stored only as a *change* against other pictures.
#
# The stream is a list of **packets**, one for each picture. A few packets are **key frames**: whole
# pictures. The others say what moved since. Let us look.

# %%
with av.open(str(sample)) as container:
    stream = container.streams.video[0]
    packets = [packet for packet in container.demux(stream) if packet.pts is not None]
    seconds = [float(packet.pts * stream.time_base) for packet in packets]

is_key = [packet.is_keyframe for packet in packets]
sizes = [packet.size for packet in packets]
places = ", ".join(f"{s:.1f}" for s, key in zip(seconds, is_key, strict=True) if key)
print(len(packets), "packets,", sum(is_key), "of them key frames, at", places, "s")
plots.packet_sizes(
    seconds, sizes, is_key, "Key frames are large and rare; everything between them is a small change"
)

# %% [markdown]
# The tall lines with a diamond are the key frames: some come at regular steps, some where a new scene
# begins. To show a picture between two of them, a decoder must start at the key frame before it and work
# forward. Keep that in mind: it is why jumping around in a video is slow (section 6).

# %% [markdown]
# ## 3. Timestamps
#
# Each packet says when its picture is shown: the **presentation timestamp**, `pts`. It is a whole number
# that counts ticks. One tick is the stream's **time base**, a fraction of a second. So
#
# $$\text{seconds} = \texttt{pts} \times \texttt{time\_base}.$$
#
# To see where times can go wrong we need a file that we control. The next cell writes one: an orange bar
# grows from left to right and is full at 8 s. So every picture *tells its own time*. We write 30 frames a
# second for two seconds, and only 5 a second after that, as phones do in poor light: a **variable frame
# rate**.

# %%
LENGTH = 8.0  # seconds


def write_clock(path, times, keyframe_every=250):
    """Write a video that shows at each of its times a bar of length time / LENGTH."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"g": str(keyframe_every)})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for seconds in times:
            picture = np.full((96, 160, 3), 60, dtype=np.uint8)
            picture[36:60, : round(160 * seconds / LENGTH)] = (230, 159, 0)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(1000 * seconds), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


# %%
folder = Path(tempfile.mkdtemp())
uneven = folder / "uneven.mp4"
true_times = np.concatenate([np.arange(0, 2, 1 / 30), np.arange(2, LENGTH, 1 / 5)])
write_clock(uneven, true_times)

with av.open(str(uneven)) as container:
    stream = container.streams.video[0]
    print("time base", stream.time_base, "s; the first packets, in the order in which they lie in the file:")
    for packet, _ in zip(container.demux(stream), range(6), strict=False):
        shown = float(packet.pts * stream.time_base)
        print(
            f"  pts {packet.pts:5d} = {shown:.3f} s   dts {packet.dts:5d}   key frame: {packet.is_keyframe}"
        )

# %% [markdown]
# Look at the `pts` column: it jumps forward and back. A picture may be stored as a change against a *later*
# picture, and then the later one must lie in the file first. The second stamp, `dts`, is the **decoding
# timestamp**: the order in which a decoder must read. It can even be negative. For *when is it shown*, only
# `pts` counts.
#
# ### Exercise 1: the times of all frames
# Use PyAV as above. Three things to watch: ticks are not seconds, the order in the file is not the order on
# screen, and `demux` ends with an empty packet whose `pts` is `None`.


# %% tags=["exercise"]
def frame_times(path):
    """The time in seconds at which each frame of a video file is shown, earliest first."""
    # Your code here.


# %% tags=["solution"]
def frame_times(path):
    """The time in seconds at which each frame of a video file is shown, earliest first."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        ticks = [packet.pts for packet in container.demux(stream) if packet.pts is not None]
        return sorted(float(tick * stream.time_base) for tick in ticks)


# %% tags=["check"]
checks.frame_times(frame_times)

# %% [markdown]
# ## 4. Even in time: which frames does the model see?
#
# A model cannot read every frame of a film. Momentor takes $M$ of them, evenly spread: the paper takes 300,
# our tiny model fewer. Frame $i$ is wanted at
#
# $$t_i = i \cdot \frac{\text{duration}}{M - 1}, \qquad i = 0, \dots, M-1.$$
#
# ### Exercise 2: the wanted times
# A fence with $M$ posts has $M - 1$ gaps.


# %% tags=["exercise"]
def uniform_times(duration, count):
    """``count`` times in seconds, evenly spread from 0 to ``duration``, both included."""
    # Your code here.


# %% tags=["solution"]
def uniform_times(duration, count):
    """``count`` times in seconds, evenly spread from 0 to ``duration``, both included."""
    return np.arange(count) * duration / (count - 1)


# %% tags=["check"]
checks.uniform_times(uniform_times)

# %% [markdown]
# At a wanted time, a viewer sees the **frame on screen**: the last one whose own time is not later. Here
# are a few frames with uneven times. The frames on screen at the wanted times (blue arrows) are orange and
# hatched.

# %%
few = np.array([0, 0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1, 3.3, 4.5, 5.7, 6.9])
wanted = np.linspace(0, 7.8, 7)
picked = [max(index for index, begin in enumerate(few) if begin <= moment + 1e-9) for moment in wanted]
print("on screen", picked)
print("nearest  ", [int(np.abs(few - moment).argmin()) for moment in wanted])
plots.frames_on_screen(few, wanted, picked, "A viewer sees a frame until the next one comes")

# %% [markdown]
# Compare the two printed rows. On the right, where frames stay long, the *nearest* frame is sometimes one
# that is not on screen yet.
#
# ### Exercise 3: the frame on screen
# Given the sorted times of all frames, find the index for each wanted time. `np.searchsorted` counts how
# many sorted values lie before a new one; its argument `side` decides what happens when both are equal.


# %% tags=["exercise"]
def on_screen(frame_times, wanted):
    """For each wanted time (seconds), the index of the frame on screen then; ``frame_times`` are sorted."""
    # Your code here.


# %% tags=["solution"]
def on_screen(frame_times, wanted):
    """For each wanted time (seconds), the index of the frame on screen then; ``frame_times`` are sorted."""
    return np.searchsorted(frame_times, wanted, side="right") - 1


# %% tags=["check"]
checks.on_screen(on_screen)

# %% [markdown]
# ## 5. Where counting frames goes wrong
#
# Much code has no timestamps at hand and reckons: frame number divided by frames a second. Most readers
# offer an **average** rate for it. Let us compare that with the truth, on our uneven file.

# %%
reader = decord.VideoReader(str(uneven))
average_rate = reader.get_avg_fps()
by_counting = np.arange(len(reader)) / average_rate
real = reader.get_frame_timestamp(range(len(reader)))[:, 0]
errors = np.abs(by_counting - real)
print(f"average rate {average_rate:.1f} frames a second")
print(f"worst error {errors.max():.2f} s, at frame {errors.argmax()}; mean error {errors.mean():.2f} s")
plots.time_by_arithmetic(real, by_counting, "Counting frames puts events seconds away from where they are")

# %% [markdown]
# The solid line is the truth, the dashed one the arithmetic. The longest dotted gap is the worst error. A
# model trained on such times would learn them.
#
# The same mistake the other way round: we want frames at even times, and ask for number `time x rate`. The
# bar in each picture tells the truth.

# %%
wanted = np.linspace(0, true_times[-1], 8)
counted = np.minimum((wanted * average_rate).astype(int), len(reader) - 1)
by_count = reader.get_batch(counted).asnumpy().transpose(0, 3, 1, 2)
by_time = load_video(uneven, num_frames=8, end=float(true_times[-1]))

plots.contact_sheet(
    [by_count, by_time.pixels],
    [
        [
            f"asked {moment:.1f} s\ngot {real[index]:.1f} s"
            for moment, index in zip(wanted, counted, strict=True)
        ],
        [f"asked {moment:.1f} s\ngot {got:.1f} s" for moment, got in zip(wanted, by_time.times, strict=True)],
    ],
    ["Frames by counting: the bar jumps", "Frames by timestamp: the bar grows evenly"],
)

# %% [markdown]
# In the upper row the bar crawls and then hurries; in the lower one it grows by equal steps.
#
# The library's `load_video` chooses by timestamp with both readers. It returns `Frames`: pixels, times, and
# the duration of the whole file.

# %%
with_pyav = load_video(sample, num_frames=64, reader="pyav")
with_decord = load_video(sample, num_frames=64, reader="decord")

print("pixels  ", with_pyav.pixels.shape, with_pyav.pixels.dtype, "= [T, 3, H, W]")
print("times   ", with_pyav.times.shape, with_pyav.times.dtype, "the first:", with_pyav.times[:5].round(3))
print("duration", f"{with_pyav.duration:.2f} s")
np.testing.assert_allclose(with_pyav.times, with_decord.times, atol=1e-3)
largest = np.abs(with_pyav.pixels.astype(int) - with_decord.pixels).max()
print("the two readers' times agree; largest difference of a pixel:", largest, "of 255")

# %% [markdown]
# ## 6. What seeking costs
#
# We need few frames of many. Two ways to get them:
#
# - **forward**: decode everything from the start, keep what we want;
# - **seeking**: for each wanted time jump to the key frame before it, and decode from there.
#
# Seeking looks clever. Let us count how many frames each of them has to decode. First the two ways, in
# plain PyAV.


# %%
def read_forward(path, wanted):
    """The frames on screen at the wanted times (sorted), and how many were decoded for them."""
    chosen, decoded, shown = [], 0, None
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            while len(chosen) < len(wanted) and frame.time > wanted[len(chosen)] + 1e-6:
                chosen.append(shown)
            shown, decoded = frame, decoded + 1
    chosen += [shown] * (len(wanted) - len(chosen))
    return chosen, decoded


# %%
def read_seeking(path, wanted):
    """The same frames, by one seek for each wanted time."""
    chosen, decoded = [], 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for moment in wanted:
            container.seek(int(moment / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                decoded += 1
                if frame.time > moment + 1e-6:
                    break
                shown = frame
            chosen.append(shown)
    return chosen, decoded


# %% [markdown]
# Now the same 800 pictures in two files: one with a key frame every 25 pictures, one with a key frame every
# 250 (a common setting). We ask both ways for 64 frames.

# %%
even_times = np.arange(0, LENGTH, 1 / 100)
wanted = np.linspace(0, even_times[-1], 64)
names, counts = [], []
for every in (25, 250):
    path = folder / f"every_{every}.mp4"
    write_clock(path, even_times, keyframe_every=every)
    shown = []
    for name, read in (("forward", read_forward), ("seeking", read_seeking)):
        started = time.process_time()
        chosen, decoded = read(path, wanted)
        used = 1000 * (time.process_time() - started)
        shown.append([frame.pts for frame in chosen])
        names.append(f"{name}, a key frame every {every}")
        counts.append(decoded)
        print(f"{names[-1]:34s} {decoded:5d} frames decoded, {used:4.0f} ms of processor time")
    assert shown[0] == shown[1], "both ways should give the same frames"

# %%
least = [len(even_times)] * len(names)
plots.cost_bars(
    names, counts, least, "A seek a frame decodes the same pictures again and again", "frames decoded"
)

# %% [markdown]
# Where key frames are rare, a seek for every frame decodes several times as much as reading forward.
# `load_video` therefore never seeks more often than once for each key frame, and only where the file has an
# index and the timestamps confirm where it landed. Otherwise it reads forward.
#
# Here is how the library picks frames by their timestamps. You will recognise exercise 3.

# %%
print(inspect.getsource(video.on_screen))

shown_at = np.array(sorted(seconds))
wanted = np.linspace(0, load_video(sample, 1).duration, 16)
np.testing.assert_allclose(load_video(sample, 16).times, shown_at[video.on_screen(shown_at, wanted)])
print("load_video gives exactly the frames that the timestamps say")

# %% [markdown]
# ## 7. A contact sheet
#
# The quickest check of any video pipeline: look at the frames with their times. Do it whenever something is
# strange.

# %%
frames = load_video(sample, num_frames=12)
labels = [f"{seconds:.1f} s" for seconds in frames.times]
plots.contact_sheet(
    [frames.pixels[:6], frames.pixels[6:]],
    [labels[:6], labels[6:]],
    [f"{sample.stem}: twelve frames, evenly spread", ""],
)

# %% [markdown]
# ## 8. From frames to features
#
# The language model cannot read pixels. A **frame encoder** turns each picture into one vector, its
# **feature**. Momentor uses [CLIP](https://arxiv.org/abs/2103.00020), a network that was trained to give a
# picture and its caption similar vectors. Its weights stay fixed. (In the paper: CLIP ViT-L/14, 1,024
# numbers a frame. Ours is a small CLIP, trained on the toy world.)
#
# The processor first brings pixels into the form that CLIP expects: its size, values from 0 to 1, minus a
# mean, divided by a spread.

# %%
model, processor = presets.load("tiny")
frames = load_video(sample, num_frames=model.config.num_frames)
pixel_values = processor.pixel_values(frames)
with torch.no_grad():
    features = model.encode_frames(pixel_values[None])[0].numpy()

print("frames       ", frames.pixels.shape, frames.pixels.dtype, f"{frames.pixels.nbytes / 1e6:.2f} MB")
print(
    "pixel values ",
    tuple(pixel_values.shape),
    pixel_values.dtype,
    f"from {pixel_values.min():.2f} to {pixel_values.max():.2f}",
)
print("features     ", features.shape, features.dtype, f"{features.nbytes / 1e6:.2f} MB")
print("the first feature begins with", features[0, :5].round(2))

# %% [markdown]
# `features` is [T, D_v]: T frames, D_v numbers for each. Everything that Momentor will ever know about the
# video is in these numbers and in `frames.times`. So they can be made once and kept: `momentor extract VIDEOS
# OUT` does it for a folder of videos.
#
# ### Exercise 4: which frames are alike?
# The **cosine similarity** of two vectors is the cosine of the angle between them: 1 for the same
# direction, 0 for a right angle. Compute it for each two frames, without a loop.


# %% tags=["exercise"]
def similarity(features):
    """Cosine similarity of each two rows of ``features`` [T, D_v]: an array [T, T]."""
    # Your code here.


# %% tags=["solution"]
def similarity(features):
    """Cosine similarity of each two rows of ``features`` [T, D_v]: an array [T, T]."""
    directions = features / np.linalg.norm(features, axis=1, keepdims=True)
    return directions @ directions.T


# %% tags=["check"]
checks.similarity(similarity)

# %%
centred = torch.from_numpy(features - features.mean(axis=0))
alike = torch.nn.functional.cosine_similarity(centred[:, None], centred[None], dim=-1).numpy()
plots.similarity(alike, frames.times, "Blocks on the diagonal are scenes that stay alike")

# %% [markdown]
# Bright squares along the diagonal are stretches in which little changes. Where a square ends, something
# happened: a new scene, a new shape, a movement. (We took the mean feature away first: what all frames
# share would hide the differences.)
#
# The features say *what* is there. They do not say *when*: two like frames at different times have like
# features. That is what the next notebook adds.
#
# ## What could go wrong
#
# - **Index divided by average rate.** Right only when all frames last equally long. Phones, screen
#   recordings and streams often break that.
# - **Nearest frame instead of frame on screen.** Shows the model a picture that a viewer has not seen yet.
# - **A seek for every frame.** Slow where key frames are rare; and some files (broken index, MPEG-TS) land
#   in the wrong place without saying so.
# - **All frames at full size in memory.** Ten minutes of 1080p at 30 frames a second:

# %%
whole = 10 * 60 * 30 * 1080 * 1920 * 3
chosen = 300 * 224 * 224 * 3
print(f"all frames {whole / 1e9:.0f} GB; 300 frames of 224 x 224 pixels {chosen / 1e6:.0f} MB")

# %% [markdown]
# `load_video(path, num_frames=300, size=224)` therefore resizes while it decodes.
#
# - **A file that is no video.** A download that broke off, a web page saved as `.mp4`. The library says so in
#   one kind of error:

# %%
(folder / "broken.mp4").write_text("<html>Not found</html>")
try:
    load_video(folder / "broken.mp4")
except VideoError as error:
    print(error)

# %% [markdown]
# ## Summary
#
# - A container holds packets; a packet's `pts` times the time base is the second at which its picture is
#   shown.
# - Wanted times are even in seconds; the frame for each is the one on screen.
# - Counting frames is not measuring time.
# - One frame becomes one vector. `Frames` carries pixels and times side by side, so that no time is ever
#   guessed.
#
# ## Next
#
# [02 · The temporal perception module](02_temporal_perception_module.ipynb): how a language model learns to
# read and write *when*.
