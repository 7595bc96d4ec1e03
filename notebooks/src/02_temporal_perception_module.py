# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 02 · The temporal perception module: a language for time
#
# - **You will be able to**: write a time as tokens in three ways and say what each loses; build Momentor's
#   temporal perception module from nothing; see why neighbouring tokens learn together; read a time with
#   its uncertainty out of a model
# - **Know before**: notebook 01; PyTorch tensors and `backward()`; what an embedding table is
# - **Minutes**: {read} to read and solve, 1 to run
# - **Hardware**: any computer, two CPU cores are enough
# - **Downloads**: none
# - **Account**: none

# %%
import inspect
import math

import numpy as np
import torch
from torch import nn

from momentor_lib.checks import temporal_perception as checks
from momentor_lib.model import presets, temporal
from momentor_lib.viz import token_plots as plots
from momentor_lib.viz.slider import Slider

# %% [markdown]
# ## 1. The idea
#
# A language model reads and writes **tokens**: entries of a fixed list, mostly pieces of words. Time is not
# like that. Between any two times there is another one.
#
# How can a language model say *the event starts at 46.87 s*? There are three ways:
#
# - **text**: write the digits, one token after the other;
# - **discrete tokens**: put N marks, called **anchors**, on the video at equal steps, give each a token,
#   and round to the nearest;
# - **continuous tokens**: keep the anchors, but allow *mixtures* of two neighbours. This is Momentor's way.

# %%
model, processor = presets.load("tiny")
ids = processor.tokenizer("46.87s", add_special_tokens=False).input_ids
pieces = processor.tokenizer.convert_ids_to_tokens(ids)
anchor_times = np.linspace(0, 403, 300)  # the paper's 300 anchors on its data set's mean length, 403 s
plots.three_ways(46.87, anchor_times[32:38], pieces)

# %% [markdown]
# The circles are six of the anchors. The red line is the true time. In the middle row all weight goes to
# the nearest anchor, and the time moves there. In the last row two anchors share the weight, and the time
# stays where it is.

# %% [markdown]
# ## 2. What each way loses
#
# We write 2,001 times in each of the three ways, read them back, and look at the error. For the continuous
# way we use the library, there and back.

# %%
duration, count = 403.0, 300
times = np.linspace(0, 6, 2001)
step = duration / (count - 1)

tpm = temporal.TemporalPerceptionModule(count, 16)
floor, remainder = tpm.anchors(torch.tensor(times / duration))
targets = torch.zeros(len(times), count, dtype=torch.float64)
rows = torch.arange(len(times))
targets[rows, floor], targets[rows, floor + 1] = 1 - remainder, remainder
read_back = tpm.decode(targets.log()).position.double().numpy() * duration

by_way = {
    "discrete, 300 anchors": np.abs(np.round(times / step) * step - times),
    "text, whole seconds": np.abs(np.round(times) - times),
    "text, one decimal": np.abs(np.round(times, 1) - times),
    "continuous, 300 anchors": np.abs(read_back - times),
}
print(*[f"{name:24s} worst error {error.max():.6f} s" for name, error in by_way.items()], sep="\n")
plots.errors(times, by_way, "Rounding costs most at the nearest anchor; a mixture costs nothing")

# %% [markdown]
# The teeth are rounding errors. Only the continuous line lies on zero, up to the computer's own precision.
#
# Text with more decimals would be exact too, but look at its price: more tokens for each time, each of
# which must be right.

# %%
one_tag, _ = processor.encode_text("<46.87s>", duration=100.0)
for text in ("47s", "46.9s", "46.87s"):
    ids = processor.tokenizer(text, add_special_tokens=False).input_ids
    print(f"{text:8s} {len(ids)} tokens as text, {len(one_tag)} as a temporal token")

# %% [markdown]
# And anchors do not grow with the video. A fixed number of them gets coarser on longer videos, unless
# mixtures are allowed:

# %%
lengths = np.geomspace(30, 7200, 40)
worst = {
    "discrete, 300 anchors": lengths / 299 / 2,
    "text, whole seconds": np.full(40, 0.5),
    "text, one decimal": np.full(40, 0.05),
}
print(f"one hour, 300 anchors: {3600 / 299 / 2:.1f} s at worst")
title = "The longer the video, the more the nearest anchor is off"
plots.errors(lengths, worst, title, "length of the video", logarithmic=True)

# %% [markdown]
# ## 3. Interpolation: a token for every time
#
# Let us build it. First, a time becomes a **position** $p$: seconds divided by the video's duration, from 0
# to 1. Then, with a table $T$ of N tokens:
#
# $$e = p\,(N-1), \qquad f = \lfloor e \rfloor, \qquad r = e - f,$$
#
# $$\text{token}(p) = (1-r)\,T_f + r\,T_{f+1}.$$
#
# $f$ is the anchor just before the time, $r$ says how far we are on the way to the next one. For five
# anchors:

# %%
positions = torch.linspace(0, 1, 201)
five = temporal.TemporalPerceptionModule(5, 5)
weights = five.embed(positions, torch.eye(5))  # unit vectors as tokens, so that the mixture shows its weights
print("weights at position 0.3:", five.embed(torch.tensor(0.3), torch.eye(5)).numpy().round(3))
title = "At every position two neighbours share a weight of one"
Slider(lambda p: plots.tents(positions.numpy(), weights.numpy(), title, marked=p), "position", 0.3)

# %% [markdown]
# Each anchor's weight is a tent: 1 at its own position, 0 from the next anchor on. At the dashed line,
# position 0.3, two tents are above zero. Move the slider (in a running notebook): which position is a single
# anchor's alone?
#
# ### Exercise 1: interpolate
# Mind the end: at $p = 1$ there is no anchor after the last one. (`torch.clamp` with `max=` helps.)


# %% tags=["exercise"]
def embed(table, positions):
    """Tokens at positions [P] in 0..1, from a table [N, D]: a tensor [P, D]."""
    # Your code here.


# %% tags=["solution"]
def embed(table, positions):
    """Tokens at positions [P] in 0..1, from a table [N, D]: a tensor [P, D]."""
    scaled = positions * (len(table) - 1)
    floor = scaled.floor().clamp(max=len(table) - 2).long()  # the last anchor is N-2 with a remainder of 1
    remainder = (scaled - floor)[:, None]
    return (1 - remainder) * table[floor] + remainder * table[floor + 1]


# %% tags=["check"]
checks.embed(embed)

# %% [markdown]
# ## 4. Propagation: neighbours learn together
#
# The tokens are learned. But a training example at 46.87 s changes only the two anchors next to it. With
# 300 anchors most of them are touched rarely, and nothing tells the model that neighbouring anchors mean
# nearly the same.
#
# The paper's answer is **neighbouring token propagation**. Let $A = P\,T$ be a blurred table, $P_{ij} =
# 2^{-|i-j|}$. Then use
#
# $$\tilde T = T + \bigl(A - \text{stopgrad}(A)\bigr).$$
#
# `stopgrad` (in PyTorch `.detach()`) means: take the value, but let no gradient through. So forwards the
# bracket is zero and $\tilde T$ *is* $T$. Backwards $A$ still passes its gradient on, and each neighbour
# gets a share: a half at one step, a quarter at two.
#
# ### Exercise 2: propagate


# %% tags=["exercise"]
def propagate(table):
    """A table [N, D] with the same values; its gradient spreads, a half for each step away."""
    # Your code here.


# %% tags=["solution"]
def propagate(table):
    """A table [N, D] with the same values; its gradient spreads, a half for each step away."""
    index = torch.arange(len(table))
    strength = 0.5 ** (index[:, None] - index[None, :]).abs()  # [N, N]
    blurred = strength @ table
    return table + (blurred - blurred.detach())


# %% tags=["check"]
checks.propagated(propagate)

# %% [markdown]
# Here is the library's own, and its gradient as a picture. We ask for one time, at position 0.52 among 21
# anchors, and look which anchors get a gradient.

# %%
print(inspect.getsource(temporal.propagate))


# %%
def gradient_sizes(propagation):
    """The length of the gradient at each of 21 anchors when one time is trained."""
    torch.manual_seed(0)
    small = temporal.TemporalPerceptionModule(21, 8, propagation=propagation).train()
    small.embed(torch.tensor([0.52])).sum().backward()
    return small.input_tokens.grad.norm(dim=1).numpy()


sizes = {"without propagation": gradient_sizes(False), "with propagation": gradient_sizes(True)}
print("anchors with a gradient:", {name: int((size > 0).sum()) for name, size in sizes.items()})
plots.gradients(sizes, "One training example teaches two anchors, or the whole neighbourhood")

# %% [markdown]
# Above, two bars: the rest of the table learns nothing. Below, the gradient fades to both sides.
#
# ### Does it matter?
# A small experiment. The task: read a time token and say where the hand of a clock points at that time. The
# table has 300 tokens; a linear layer reads them. We train on only 100 times, so most anchors are never
# asked for. Then we test on all times. The hand's length is 1, so an error of 1 is as bad as not looking at
# all.


# %%
def hand(positions):
    """Where the clock's hand points, as (x, y): [P, 2]."""
    angle = 2 * math.pi * 0.85 * positions
    return torch.stack((angle.cos(), angle.sin()), dim=-1)


# %%
def train_clock(propagation, steps=100):
    """Train 300 time tokens and a linear reader on 100 times; returns tokens, loss, error at all times."""
    torch.manual_seed(0)
    module, reader = temporal.TemporalPerceptionModule(300, 64, propagation=propagation), nn.Linear(64, 2)
    optimizer = torch.optim.Adam([module.input_tokens, *reader.parameters()], lr=0.01)
    seen, every = torch.rand(100), torch.linspace(0, 1, 1000)
    for _ in range(steps):
        loss = (reader(module.embed(seen)) - hand(seen)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        error = (reader(module.eval().embed(every)) - hand(every)).norm(dim=-1).mean()
    return module.input_tokens.detach().numpy(), loss.item(), error.item()


# %%
maps = {}
for name, propagation in (("without propagation", False), ("with propagation", True)):
    maps[name], loss, error = train_clock(propagation)
    print(f"{name:20s} loss on the 100 times {loss:.6f}; mean error at all times {error:.3f}")
plots.token_maps(maps, "With propagation the tokens lie in the order of time")

# %% [markdown]
# Both know their 100 training times by heart. At the other times only one of them is any good.
#
# The maps show why. A **PCA** (principal component analysis) draws the 64-dimensional tokens on the two
# directions in which they differ most. Without propagation the anchors that were never asked for still sit
# in a heap in the middle, where chance put them. With it all 300 lie on one smooth curve, from the start of
# the video to its end. The paper shows the same picture for its own tokens, and reports that leaving
# propagation out costs 3.9 points of grounding accuracy (ActivityNet mIoU 29.3 with, 25.4 without; these
# are the paper's figures).

# %% [markdown]
# ## 5. Infusion: telling the frames when they are
#
# Notebook 01 ended with a gap: two like frames have like features, whenever they are. **Temporal infusion**
# closes it. Each frame's token gets the mean of both tables at the frame's own position added:
#
# $$\text{frame token} + \tfrac12\bigl(\tilde T_\text{in}(p) + \tilde T_\text{out}(p)\bigr).$$
#
# There are two tables because reading a time and writing a time are two jobs: $T_\text{in}$ is what the
# model reads, $T_\text{out}$ scores the anchors when it writes.

# %%
width = model.temporal.input_tokens.shape[1]
projected = torch.ones(1, 1, width).expand(1, 3, -1)  # three copies of one frame's token: [1, 3, D]
when = torch.tensor([[0.1, 0.101, 0.9]])
with torch.no_grad():
    infused = model.temporal.infuse(projected, when)  # [1, 3, D]


def distances(tokens):
    return torch.cdist(tokens, tokens)[0].numpy().round(3)


print("distance of the three frames before infusion\n", distances(projected))
print("and after it, at positions 0.1, 0.101 and 0.9\n", distances(infused))

# %% [markdown]
# Before, three equal frames cannot be told apart. After, the two that are close in time are close together,
# and the third is far from both.

# %% [markdown]
# ## 6. Soft targets: what the model should answer
#
# When the model writes a time it gives every anchor a score. What is the right answer for a time between
# two anchors? The same two weights as before: $1-r$ on $f$ and $r$ on $f+1$. This **soft target** has the
# true time as its mean, so nothing is rounded in training either.

# %%
asked = (0.0, 0.2, 0.25, 0.4, 0.985, 1.0)
floor, remainder = temporal.TemporalPerceptionModule(9, 4).anchors(torch.tensor(asked))
targets = torch.zeros(len(asked), 9)
targets[torch.arange(len(asked)), floor] += 1 - remainder
targets[torch.arange(len(asked)), floor + 1] += remainder
plots.target_rows(asked, targets.numpy(), "Two neighbours share the target; on an anchor one has it all")

# %% [markdown]
# Look at 0, 0.25 and 1: they lie exactly on an anchor, and one cell holds everything. It sounds harmless,
# but here is a trap: a formula such as $\lceil e \rceil - e$ gives *zero* there, and a time at the very
# start or end of a video would be trained towards nothing. The paper's released code does that.
#
# ### Exercise 3: the target


# %% tags=["exercise"]
def soft_target(position, count):
    """The target over ``count`` anchors for one position in 0..1: a tensor [count] that sums to 1."""
    # Your code here.


# %% tags=["solution"]
def soft_target(position, count):
    """The target over ``count`` anchors for one position in 0..1: a tensor [count] that sums to 1."""
    scaled = position * (count - 1)
    floor = min(math.floor(scaled), count - 2)
    target = torch.zeros(count)
    target[floor] = 1 - (scaled - floor)
    target[floor + 1] = scaled - floor
    return target


# %% tags=["check"]
checks.soft_target(soft_target)

# %% [markdown]
# ## 7. Decoding: from scores to a time, and how sure
#
# A trained model gives scores for the anchors. Softmax turns them into probabilities, and the time is their
# **mean**: each anchor's position times its probability. The spread around the mean is the **standard
# deviation**: small where the model is sure.
#
# One detail: the mean runs only over the anchors near the highest one. Otherwise a second, far-away guess
# would pull the time into the empty middle.


# %%
def read_time(logits, window=2):
    """Scores [N] -> position, standard deviation and probability inside the window, step by step."""
    probabilities = logits.softmax(-1)
    index = torch.arange(len(logits))
    near = (index - probabilities.argmax()).abs() <= window
    weights = probabilities * near / (probabilities * near).sum()
    positions = index / (len(logits) - 1)
    mean = (weights * positions).sum()
    std = (weights * (positions - mean) ** 2).sum().sqrt()
    return mean, std, (probabilities * near).sum()


# %%
anchors = torch.arange(32)
better, worse = -((anchors - 11.4) ** 2) / 2, -((anchors - 25.0) ** 2) - 1
two_guesses = torch.logaddexp(better, worse)
mean, std, mass = read_time(two_guesses)
for mine, library in zip((mean, std, mass), model.temporal.decode(two_guesses), strict=True):
    torch.testing.assert_close(mine, library, atol=1e-5, rtol=1e-4)
print(f"position {mean:.4f}, std {std:.4f}, probability near the peak {mass:.2f}: as the library reads it")
probabilities = two_guesses.softmax(-1)
print(f"a mean over all anchors would say {(probabilities * anchors / 31).sum():.4f}, where nothing is")
title = "The time is read around the highest peak"
plots.distribution(probabilities.numpy(), float(mean), float(std), title, window=(9, 13))

# %% [markdown]
# The triangle is the time that is read, its whiskers are one standard deviation. The second peak is left
# out, but not forgotten: the probability near the first peak is below one, and Momentor ranks its answers
# by it.

# %% [markdown]
# ## 8. All together
#
# ### Exercise 4: your own temporal perception module
# Put the pieces together. The two tables are given. While training, *both* tables are propagated before
# anything else uses them. You may call `embed` and `propagate` from above, or the library's
# `temporal.propagate`.


# %% tags=["exercise"]
class MyTemporalPerception(nn.Module):
    """Time tokens for N anchors of width D."""

    def __init__(self, count, width):
        super().__init__()
        self.input_tokens = nn.Parameter(0.02 * torch.randn(count, width))  # T_in  [N, D]
        self.output_tokens = nn.Parameter(0.02 * torch.randn(count, width))  # T_out [N, D]

    def embed(self, positions):
        """Positions [B, T] -> tokens that the model reads [B, T, D]."""

    def infuse(self, features, positions):
        """Frame tokens [B, T, D] at positions [B, T] -> frame tokens that know their time [B, T, D]."""

    def logits(self, hidden):
        """Hidden states [..., D] -> a score for each anchor [..., N]."""


# %% tags=["solution"]
class MyTemporalPerception(nn.Module):
    """Time tokens for N anchors of width D."""

    def __init__(self, count, width):
        super().__init__()
        self.input_tokens = nn.Parameter(0.02 * torch.randn(count, width))  # T_in  [N, D]
        self.output_tokens = nn.Parameter(0.02 * torch.randn(count, width))  # T_out [N, D]

    def embed(self, positions):
        return embed(propagate(self.input_tokens), positions.flatten()).unflatten(0, positions.shape)

    def infuse(self, features, positions):
        mean_table = (propagate(self.input_tokens) + propagate(self.output_tokens)) / 2
        return features + embed(mean_table, positions.flatten()).unflatten(0, positions.shape)

    def logits(self, hidden):
        return hidden @ propagate(self.output_tokens).T


# %% tags=["check"]
checks.module(MyTemporalPerception)

# %% [markdown]
# The library's class has the same parts, each with its switch for experiments (interpolation, propagation
# and infusion can be turned off one by one):

# %%
for method in ("embed", "infuse", "logits"):
    print(inspect.getsource(getattr(temporal.TemporalPerceptionModule, method)))

# %% [markdown]
# And here are the tokens of the trained model that comes with this course, on the same kind of map. It has
# far fewer anchors than the paper's 300 (its `MomentorConfig` says how many), so its curve has corners. We
# also measure how alike neighbours are (cosine similarity of the tokens, their mean taken away), beside
# tokens that are ten anchors apart.


# %%
def likeness(table, steps):
    """Mean cosine similarity of each two tokens that are some steps apart."""
    centred = table - table.mean(dim=0)
    return nn.functional.cosine_similarity(centred[:-steps], centred[steps:]).mean().item()


tables = {"T_in, read": model.temporal.input_tokens, "T_out, written": model.temporal.output_tokens}
print(f"{model.config.num_temporal_tokens} anchors")
near, far = ([likeness(table, steps) for table in tables.values()] for steps in (1, 10))
for name, one, ten in zip(tables, near, far, strict=True):
    print(f"{name:15s} neighbours {one:+.2f}, ten anchors apart {ten:+.2f}")
learned = {name: table.detach().numpy() for name, table in tables.items()}
verdict = (
    "are more alike"
    if all(one > ten for one, ten in zip(near, far, strict=True))
    else "need not be more alike"
)
plots.token_maps(learned, f"In the shipped model, neighbours {verdict} than tokens far apart")

# %% [markdown]
# ## What could go wrong
#
# - **N instead of N - 1.** With $e = pN$ the end of the video has no anchor, and every time is a little
#   off.
# - **Times on an anchor.** Zero weight instead of full weight; see section 6.
# - **Values that drift.** In half precision $(T + A) - A$ is not $T$. The bracket must be formed first: $T
#   + (A - A)$.
# - **Propagation left on at test time.** Values are the same, but it wastes a matrix product. The library
#   does it only while training.
# - **Reading the highest anchor.** It throws away what the soft target taught. Measured on the same scores:

# %%
nearest = model.temporal.decode(two_guesses, nearest=True).position
print(f"highest anchor {nearest:.4f}, mean around it {mean:.4f}, peak put there by us {11.4 / 31:.4f}")

# %% [markdown]
# ## Summary
#
# - A time is a mixture of two neighbouring anchors: one token, nothing rounded.
# - Propagation leaves values alone and spreads gradients, so that all anchors learn and lie in the order of
#   time.
# - Infusion tells each frame when it is.
# - The target is the same mixture; the time is read as a mean around the peak, with a standard deviation.
#
# ## Next
#
# [03 · Moment-10M](03_moment10m_conversion.ipynb) turns the data that Momentor learns from into training
# examples with such times. Or go back to [00 · Start here](00_start_here.ipynb) and look at the whiskers on
# the timeline again: now you know where they come from.
