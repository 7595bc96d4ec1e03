"""Self-checks of notebook 08: frames for a precision, keys and values, a model for a machine, passes for a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from transformers import LlamaConfig, PreTrainedConfig

from momentor_lib.checks.result import require, require_something, self_check


@self_check
def frames_needed(function: Callable[[float, float], int]) -> str:
    """The fewest frames of which none is further from its neighbour than the precision."""
    got = function(60.0, 1.0)
    require_something(got)
    require(float(got).is_integer(), f"a number of frames is a whole number, not {got}.")
    require(got != 60, "60 frames at equal steps from 0 s to 60 s have only 59 gaps between them: each is a little too long.")
    require(got == 61, f"for 60 s and gaps of 1 s you take {got} frames. How many gaps are there, and how many frames around them?")
    tight = function(10.0, 3.0)
    require(10 / max(tight - 1, 1) <= 3, f"for 10 s and 3 s you take {tight} frames: their gaps are {10 / max(tight - 1, 1):.2f} s.")
    require(tight == 5, f"for 10 s and 3 s you take {tight} frames; fewer would do.")
    require(function(7.5, 0.25) == 31, "a duration or a precision that is no whole number comes out wrong.")
    return "gaps and frames are told apart, and a broken number of gaps is rounded to the safe side."


def _language(layers: int, width: int, heads: int, groups: int) -> PreTrainedConfig:
    return LlamaConfig(hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=groups)


@self_check
def cache_bytes(function: Callable[[PreTrainedConfig, int, int], float]) -> str:
    """Keys and values of all layers, with fewer heads of keys than of queries too."""
    got = function(_language(3, 64, 4, 4), 10, 2)
    require_something(got)
    right = 2 * 3 * 10 * 64 * 2
    require(got * 2 != right, "only half of it: a token keeps a key and a value.")
    require(got * 3 != right, "only one layer's: every layer keeps its own.")
    require(
        got != right / 4 and got != right * 4,
        "all heads of a layer together, each with a width of its own: is one head missing, or each too wide?",
    )
    require(got == right, f"3 layers of width 64, 10 tokens, 2 bytes a number: {got:,.0f} is not right.")
    require(function(_language(3, 64, 4, 4), 10, 4) == 2 * right, "in four bytes a number it should be twice as much as in two.")
    grouped = function(_language(2, 96, 6, 2), 7, 2)
    require(
        grouped != 2 * 2 * 7 * 96 * 2,
        "some models share each key among several heads of queries: look at num_key_value_heads and head_dim.",
    )
    require(grouped == 2 * 2 * 7 * 32 * 2, f"with 6 heads of queries and 2 of keys, {grouped:,.0f} is not right.")
    return "keys and values of every layer are counted, shared ones once."


@self_check
def choose(function: Callable[[Mapping[str, float], float], str | None]) -> str:
    """The largest that leaves a tenth of the memory free."""
    needs = {"small": 1.0, "large": 40.0, "middle": 9.0}
    got = function(needs, 100.0)
    require_something(got)
    require(got in needs, f"the answer should be one of the names, not {got!r}.")
    require(got != "middle", "with 100 GB of memory there is room for a larger one than the last in the table.")
    require(got == "large", f"with 100 GB of memory you choose {got!r}, and a larger one would fit.")
    require(function(needs, 9.5) != "middle", "9 GB of 9.5 GB leaves less than a tenth free.")
    require(function(needs, 9.5) == "small", "of 9.5 GB, 'small' is the only one that leaves a tenth free.")
    require(function(needs, 10.0) == "middle", "9 GB of 10 GB leaves exactly a tenth free, and that is enough.")
    require(function(needs, 0.5) is None, "where nothing fits, the answer should be None.")
    require(function({"b": 5.0, "a": 6.0}, 10.0) == "a", "the name must not matter, only what is needed.")
    return "the largest that fits, with a tenth to spare, and None where nothing does."


@self_check
def passes(function: Callable[[int, int, int], int]) -> str:
    """The fewest passes that share a batch out evenly, none of them above what a GPU holds."""
    got = function(32, 4, 1)
    require_something(got)
    require(int(got) == got, f"a number of passes is a whole number, not {got}.")
    require(got == 8, f"32 sequences on one GPU that holds 4 came out as {got} passes.")
    require(function(32, 4, 4) != 8, "with four GPUs each has only a quarter of the batch to go through.")
    require(function(32, 4, 4) == 2, f"32 sequences on four GPUs that hold 4 each came out as {function(32, 4, 4)} passes.")
    require(function(32, 64, 1) == 1, "where the whole batch fits, one pass is enough, and there is at least one.")
    uneven = function(32, 3, 1)
    require(uneven != 11, "11 passes do not share 32 sequences out evenly: the last would be smaller than the others.")
    require(uneven == 16, f"32 sequences on a GPU that holds 3 came out as {uneven} passes: are all equal, does each fit, would fewer do?")
    require(function(24, 5, 2) == 3, f"24 sequences on two GPUs that hold 5 each came out as {function(24, 5, 2)} passes.")
    return "every pass fits, all are equal, and the GPUs share the work."
