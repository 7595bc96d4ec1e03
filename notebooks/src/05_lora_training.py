# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 05 · Training with LoRA: new words, old knowledge
#
# - **You will be able to**: say which parts of a Video-LLM learn in which stage, and count them; write LoRA
#   by hand and show that it equals peft's; train a model on event sequences and then on instructions, and
#   watch it; save what it learned in a small file; train a small model from nothing
# - **Know before**: notebooks 02 and 03; gradient descent; matrix products
# - **Minutes**: {read} to read and solve, 3 to run
# - **Hardware**: any computer, two CPU cores are enough
# - **Downloads**: none
# - **Account**: none

# %%
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from momentor_lib import Predictor, shipped
from momentor_lib.checks import lora_training as checks
from momentor_lib.evaluation.grounding import first_span_iou
from momentor_lib.extract import extract_features
from momentor_lib.model import presets
from momentor_lib.model.lora import merge
from momentor_lib.paths import home
from momentor_lib.toy import queries, sample_script
from momentor_lib.toy.writer import write_toy
from momentor_lib.training import lora, scratch, stage_run, stages, tiny, toy_data
from momentor_lib.viz import training_plots

# %% [markdown]
# ## 1. Four parts, three stages
#
# A Momentor has four parts: a **frame encoder**, a **projection** from its features to the language model's
# width, the **temporal tokens** of notebook 02, and a **language model**. Training goes through three
# stages, and in none of them does everything learn:

# %%
folder = Path(tempfile.mkdtemp())
model, processor = presets.load("tiny")
print(f"{'stage':10} {'learns from':38} projection  TPM  LoRA")
for stage in stages.STAGES.values():
    signs = ["yes" if part else "-" for part in (stage.projection, stage.temporal, stage.lora)]
    print(f"{stage.name:10} {stage.teaches:38} {signs[0]:>10} {signs[1]:>4} {signs[2]:>5}")

# %% [markdown]
# What does not learn is **frozen**: its parameters get no gradient. That saves memory, since an optimizer
# keeps numbers of its own for each parameter that learns, and it saves what a part knows already.

# %%
stages.prepare(model, stages.STAGES["gesm"])
print(stages.describe(stages.count_parameters(model)))

# %% [markdown]
# ### Exercise 1: count
#
# Count the parameters of any module: those that learn, and all of them. Two modules may share one
# parameter: our language model reads and writes words by the same matrix. It counts once.


# %% tags=["exercise"]
def count(module):
    """How many numbers learn, and how many there are in all: two integers."""
    # Your code here.


# %% tags=["solution"]
def count(module):
    """How many numbers learn, and how many there are in all: two integers."""
    parameters = list(module.parameters())  # each once, also where two modules share it
    learn = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    return learn, sum(parameter.numel() for parameter in parameters)


# %% tags=["check"]
checks.count(count)

# %% [markdown]
# ## 2. LoRA: two thin matrices beside a frozen one
#
# To teach the language model itself something new, without touching what it knows, **LoRA** (Hu et al.,
# 2021) leaves every weight matrix $W$ as it is and adds a product of two thin ones:
#
# $$y = W x + \frac{\alpha}{r} B A x$$
#
# $A$ is $r \times \text{in}$ and $B$ is $\text{out} \times r$, with a small **rank** $r$. Only $A$ and $B$
# learn. $B$ begins at zero, so that nothing has changed before the first step.

# %%
language_model = model.language_model
ranks = [1, 2, 4, 8, 16]
costs = [lora.lora_parameters(language_model, lora.LLAMA_TARGETS, rank) for rank in ranks]
training_plots.parameters_by_rank(
    ranks, costs, language_model.num_parameters(), "A small rank learns with a small part of the parameters"
)

# %% [markdown]
# The bars count what learns for each rank, beside all of the language model. In a model of 7 billion
# parameters the same ranks are far below one percent: widths grow, and the rank stays.
#
# ### Exercise 2: LoRA by hand
#
# Write the layer. `base` is the frozen layer. Do not forget the factor $\alpha / r$.


# %% tags=["exercise"]
class LoraLinear(nn.Module):
    """A linear layer with LoRA beside it."""

    def __init__(self, base: nn.Linear, rank: int, alpha: float):
        super().__init__()
        self.base, self.scale = base.requires_grad_(False), alpha / rank
        self.a = nn.Parameter(torch.empty(rank, base.in_features))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.a, a=5**0.5)

    def forward(self, x): ...


# %% tags=["solution"]
class LoraLinear(nn.Module):
    """A linear layer with LoRA beside it."""

    def __init__(self, base: nn.Linear, rank: int, alpha: float):
        super().__init__()
        self.base, self.scale = base.requires_grad_(False), alpha / rank
        self.a = nn.Parameter(torch.empty(rank, base.in_features))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.a, a=5**0.5)

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.a.T @ self.b.T)


# %% tags=["check"]
checks.lora_linear(LoraLinear)

# %% [markdown]
# ### The same, by peft
#
# The library leaves this to [peft](https://huggingface.co/docs/peft), which puts its own layers into the
# language model. Are they the same as one written by hand? We take one layer of peft's, give its $A$ and
# $B$ some numbers, and write the formula beside it.


# %%
class ByHand(nn.Module):
    """The formula, once more, so that this comparison does not hang on the exercise."""

    def __init__(self, base, rank, alpha):
        super().__init__()
        self.base, self.scale = base, alpha / rank
        self.a = nn.Parameter(torch.randn(rank, base.in_features) * 0.02)
        self.b = nn.Parameter(torch.randn(base.out_features, rank) * 0.02)

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.a.T @ self.b.T)


# %%
torch.manual_seed(0)
model, processor = presets.load("tiny")
layer = model.language_model.get_decoder().layers[0].self_attn
hand = ByHand(layer.q_proj, rank=2, alpha=4)
lora.add_lora(model, rank=2)
theirs = layer.q_proj  # now peft's layer, around the same base
with torch.no_grad():
    theirs.lora_A["default"].weight.copy_(hand.a)
    theirs.lora_B["default"].weight.copy_(hand.b)

# %%
x = torch.randn(3, layer.q_proj.in_features)
ours, peft = hand(x), theirs(x)
print(f"values: largest difference {(ours - peft).abs().max():.1e} of {peft.abs().max():.1f}")
grads = torch.autograd.grad(ours.square().sum(), [hand.a, hand.b])
weights = [theirs.lora_A["default"].weight, theirs.lora_B["default"].weight]
for name, mine, its in zip("AB", grads, torch.autograd.grad(peft.square().sum(), weights), strict=True):
    print(f"gradient of {name}: largest difference {(mine - its).abs().max():.1e} of {its.abs().max():.1f}")

# %% [markdown]
# ### Exercise 3: fold it in
#
# After training, the two thin matrices can be **merged** into the frozen one, so that the model runs as
# fast as before. Which matrix $W'$ gives the same output as $W$, $A$ and $B$ together?


# %% tags=["exercise"]
def fold(weight, a, b, alpha):
    """W [out, in], A [r, in], B [out, r] and alpha -> the one matrix W' [out, in]."""
    # Your code here.


# %% tags=["solution"]
def fold(weight, a, b, alpha):
    """W [out, in], A [r, in], B [out, r] and alpha -> the one matrix W' [out, in]."""
    return weight + alpha / a.shape[0] * (b @ a)


# %% tags=["check"]
checks.fold(fold)

# %% [markdown]
# ## 3. A new world
#
# The tiny model knows our toy world in its own words. The **studio** is a second toy world: colours that
# the model has never seen, such as pink and navy, and other words for every action. *The red circle moves
# left* is now *the pink circle slides leftwards*.
#
# We write 24 videos of the studio, and 12 of the old world so that it is not forgotten, and keep their
# frame features, since the frame encoder never learns.

# %% tags=["slow"]
features = home() / "notebook_05"
for world, videos, seed in (("studio", 24, 0), ("plain", 12, 5)):
    write_toy(folder / world, videos, seed=seed, world=world)
    extract_features(folder / world / "videos", features, progress=False)


# %%
def mean_iou(predictor, world, videos=8):
    """Mean IoU of the first moment, over every query of some test videos that has one moment."""
    said, true = [], []
    for number in range(videos):
        script = sample_script(1, "test", number, world)
        seen = toy_data.encode_script(predictor.model.vision_model, script, 64)
        predictor.set_features(seen, toy_data.frame_times(script.duration, 64), script.duration)
        asked = {query: moments[0] for query, moments in queries(script).items() if len(moments) == 1}
        said += [[(m.start, m.end) for m in answer.moments] for answer in predictor.ground_many(list(asked))]
        true += asked.values()
    return float(first_span_iou(said, true).mean())


# %%
worlds = {"studio": "studio (new)", "plain": "plain (old)"}
before = {world: mean_iou(Predictor("tiny"), world) for world in worlds}
for world, value in before.items():
    print(f"mean IoU on test videos, {worlds[world]}: {value:.2f}")

# %% [markdown]
# It hardly understands the studio. So we train, in two stages. First **grounded event-sequence modelling**
# (GESM): the model writes every event of a video in order, and only projection and temporal tokens learn.

# %% tags=["slow"]
model, processor = presets.load("tiny")
recipe = stage_run.Recipe(steps=24, batch=8, learning_rate=1e-3, log_every=4, validate_every=8)
data = stage_run.Data([folder / "studio", folder / "plain"], features, val_instructions=folder / "studio")
curves = training_plots.LiveCurves("Stage gesm: every event, in order", steps=recipe.steps)
run = {"cpu": True, "on_log": curves.add}
stage_run.run_stage(model, processor, stages.STAGES["gesm"], data, folder / "gesm", recipe, **run)
curves.show()

# %% [markdown]
# The loss stays high, and goes up and down with the videos that a batch happens to hold. What is missing are
# *words*, and the language model is frozen.
#
# Second stage, **instruction tuning**: questions of all ten data types, now with LoRA in the language
# model. One thing more is needed here. Our small model has never used the pieces that *pink* or *slides*
# are made of; its rows for them are as they were at random. So the rows of a few tokens learn too: those
# that the model writes worst. All together stays below 2 % of the language model.

# %% tags=["slow"]
model, processor = presets.load(folder / "gesm")
with_lora = stage_run.Lora(new_words=60)
recipe = stage_run.Recipe(
    steps=150,
    batch=2,
    most=12,
    learning_rate=4e-3,
    lora=with_lora,
    log_every=10,
    validate_every=30,
    val_sequences=16,
)
curves = training_plots.LiveCurves("Stage instruct: instructions, with LoRA", steps=recipe.steps)
run = {"cpu": True, "on_log": curves.add}
stage_run.run_stage(model, processor, stages.STAGES["instruct"], data, folder / "adapted", recipe, **run)
curves.show()

# %%
print(stages.describe(stages.count_parameters(model)))
print(f"LoRA with its rows: {lora.lora_share(model):.1%} of the language model")

# %% [markdown]
# ## 4. The same questions, before and after

# %%
adapted = Predictor((model, processor))
after = {world: mean_iou(adapted, world) for world in worlds}
training_plots.before_and_after(
    {name: (before[world], after[world]) for world, name in worlds.items()},
    "Mean IoU on test videos, before and after",
)

# %% [markdown]
# Each pair of bars is one world: before training, hatched, and after. Compare them with the curves above.
# The training loss fell far, and the score on the training's own videos, after a dip, rose above where it
# began; but on *test videos* the new world gains little, and the old one loses. 24 videos are soon known by
# heart: this is **overfitting**, and the 12 old ones are too few to keep everything.
#
# More videos help: the same stage on some hundred of each world, a few minutes longer than a notebook should
# take. Its result comes along as `checkpoints/studio`, whose README has the commands. The same questions,
# once more:

# %%
asked = json.loads((shipped("checkpoints/studio") / "training.json").read_text())
print(f"{asked['steps']} steps of {asked['batch']} sequences, learning rate {asked['learning_rate']}")
carried = Predictor(shipped("checkpoints/studio"))
after = {world: mean_iou(carried, world) for world in worlds}
training_plots.before_and_after(
    {name: (before[world], after[world]) for world, name in worlds.items()},
    "The same test videos, after a training on more videos",
)

# %% [markdown]
# With enough videos the new world is learned well enough to carry over, and the old one is mostly kept. The
# weights that make the difference are those of the next section: a file of about a megabyte.
#
# ## 5. Save, load, fold in
#
# The stage's folder holds an **adapter**: LoRA, the rows, the projection and the temporal tokens. The
# language model and the frame encoder are not in it, only the name of the model that it belongs to.

# %%
size = sum(file.stat().st_size for file in (folder / "adapted").glob("*.safetensors"))
whole = sum(file.stat().st_size for file in (folder / "gesm").glob("*.safetensors"))
print(f"adapter: {size / 1e6:.1f} MB; a whole model: {whole / 1e6:.1f} MB")
query = next(iter(queries(sample_script(1, "test", 0, "studio"))))
script = sample_script(1, "test", 0, "studio")
seen = toy_data.encode_script(model.vision_model, script, 64)
times = toy_data.frame_times(script.duration, 64)
loaded = presets.load(folder / "adapted")
print("asked:          ", query)
print("as trained:     ", adapted.set_features(seen, times, script.duration).ground(query).text)
print("saved, loaded:  ", Predictor(loaded).set_features(seen, times, script.duration).ground(query).text)
merge(loaded[0])
print("and folded in:  ", Predictor(loaded).set_features(seen, times, script.duration).ground(query).text)

# %% [markdown]
# ## 6. From nothing
#
# So far, everything began with a model that was trained before. Now we begin with random numbers: half a
# million parameters, the features of 60 videos, and one kind of question, *when does this happen?*
#
# Watch the right-hand curve. For a while the model gives every query nearly the same span, and the score
# stands nearly still: it has learned what answers look like, but not to look at the video.

# %% tags=["slow"]
plan = replace(
    scratch.PLAN, videos=60, val_videos=20, batch=8, steps=150, minutes=float("inf"), validate_every=25
)
curves = training_plots.LiveCurves("From random weights", steps=plan.steps)
kept = {"features_folder": home() / "toy_features", "on_log": curves.add}
clip = shipped("checkpoints/tiny") / "clip"
newborn = tiny.run(plan, clip, folder / "scratch", folder / "newborn", **kept)
curves.show()

# %%
print(f"mean IoU on test videos of the old world: {mean_iou(Predictor(newborn), 'plain'):.2f}")

# %% [markdown]
# A short run on so few videos gets no further than the plateau. Below is the record of
# `python -m momentor_lib.training.scratch`: the same on 1,000 videos, five minutes on two cores.

# %%
record = shipped("checkpoints/tiny") / "training_log_scratch.jsonl"
lines = [line for line in map(json.loads, record.read_text().splitlines()) if "iou" in line]
minutes, overlaps = [line["minutes"] for line in lines], [line["iou"] for line in lines]
training_plots.score_over_time(minutes, overlaps, "From nothing: a plateau, then the video is found")

# %% [markdown]
# The score here is told each moment's true start when it reads the end. How the model does when it is asked
# as a user asks stands in the README.
#
# ## What could go wrong
#
# - **A learning rate for small models on a large one.** The rates above are for a model of a million
#   parameters. The paper's recipe for 7 billion is 2e-5.
# - **The old data left out.** The new world is learned just as well, and the old one is lost.
# - **`alpha` left as it was when `rank` changes.** LoRA's part is scaled by $\alpha / r$: twice the rank
#   halves it. The library's default keeps the ratio at 2.
# - **A loss that falls, and nothing more.** Words are most of the loss. Whether times are right, only a
#   validation score on times tells.
#
# ## Summary
#
# - Each stage trains a few parts, and the rest is frozen; the table of stages says which.
# - LoRA adds a product of two thin matrices to a frozen one. It starts at nothing, costs little, folds in.
# - An adapter is a small file that belongs to a base.
# - From random weights, grounding appears after a plateau: first the form of answers, then the video.
#
# ## Next
#
# [06 · Temporal grounding](06_temporal_grounding.ipynb): what a trained model says about a video, what it
# looks at, and where it goes wrong.
