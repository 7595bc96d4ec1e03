"""Plausible wrong answers to the exercises, by module and name of the check that must reject them. Each has its mistake as its name."""

from __future__ import annotations

import math
import re

import av
import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import linear_sum_assignment
from scipy.signal import find_peaks
from torch import nn

from momentor_lib.model.temporal import TemporalPerceptionModule, propagate

# -- 00 ------------------------------------------------------------------------------------------------------------------------------


def negative_intersection(one, other):
    both = min(one[1], other[1]) - max(one[0], other[0])
    return both / (one[1] - one[0] + other[1] - other[0] - both)


def divided_by_the_first(one, other):
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0])) / (one[1] - one[0])


def common_part_counted_twice(one, other):
    both = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    return both / (one[1] - one[0] + other[1] - other[0])


def only_the_first(events, seconds):
    return [event.label for event in events if event.start <= seconds <= event.end][:1]


def ends_left_out(events, seconds):
    return [event.label for event in events if event.start < seconds < event.end]


def one_label_not_a_list(events, seconds):
    return ", ".join(event.label for event in events if event.start <= seconds <= event.end)


# -- 01 ------------------------------------------------------------------------------------------------------------------------------


def _stamps(path, read):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [value for packet in container.demux(stream) if (value := read(packet, stream)) is not None]


def order_of_the_file(path):
    return _stamps(path, lambda packet, stream: None if packet.pts is None else float(packet.pts * stream.time_base))


def decoding_timestamps(path):
    return sorted(_stamps(path, lambda packet, stream: None if packet.dts is None else float(packet.dts * stream.time_base)))


def ticks(path):
    return sorted(_stamps(path, lambda packet, _: packet.pts))


def index_over_average_rate(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return np.arange(stream.frames) / float(stream.average_rate)


def empty_packet_kept(path):
    return sorted(_stamps(path, lambda packet, stream: packet.pts * stream.time_base))


def without_the_end(duration, count):
    return np.arange(count) * duration / count


def middles(duration, count):
    return (np.arange(count) + 0.5) * duration / count


def every_second(duration, count):
    return np.arange(0, duration, 1.0)


def nearest_frame(frame_times, wanted):
    return np.abs(frame_times[None] - wanted[:, None]).argmin(axis=1)


def next_frame(frame_times, wanted):
    return np.minimum(np.searchsorted(frame_times, wanted, side="right"), len(frame_times) - 1)


def not_yet_at_its_own_time(frame_times, wanted):
    return np.maximum(np.searchsorted(frame_times, wanted, side="left") - 1, 0)


def by_frame_rate(frame_times, wanted):
    return np.minimum((wanted * len(frame_times) / frame_times[-1]).astype(int), len(frame_times) - 1)


def plain_product(features):
    return features @ features.T


def normalised_by_column(features):
    directions = features / np.linalg.norm(features, axis=0)
    return directions @ directions.T


def normalised_by_the_whole(features):
    directions = features / np.linalg.norm(features)
    return directions @ directions.T


# -- 02 ------------------------------------------------------------------------------------------------------------------------------


def count_instead_of_steps(table, positions):
    scaled = positions * len(table)
    floor = scaled.floor().clamp(max=len(table) - 2).long()
    remainder = (scaled - floor).clamp(max=1)[:, None]
    return (1 - remainder) * table[floor] + remainder * table[floor + 1]


def nearest_anchor(table, positions):
    return table[(positions * (len(table) - 1)).round().long()]


def weights_swapped(table, positions):
    return _mixed(table, positions, swapped=True)


def without_gradient(table, positions):
    return _mixed(table, positions).detach()


def past_the_end(table, positions):
    scaled = positions * (len(table) - 1)
    floor = scaled.floor().long()
    return (1 - (scaled - floor))[:, None] * table[floor] + (scaled - floor)[:, None] * table[floor + 1]


def _mixed(table, positions, swapped=False):
    scaled = positions * (len(table) - 1)
    floor = scaled.floor().clamp(max=len(table) - 2).long()
    remainder = (scaled - floor)[:, None]
    interior = (remainder > 0) & (remainder < 1)
    remainder = torch.where(interior & torch.tensor(swapped), 1 - remainder, remainder)
    return (1 - remainder) * table[floor] + remainder * table[floor + 1]


def _blurred(table, base=0.5):
    index = torch.arange(len(table))
    return base ** (index[:, None] - index[None, :]).abs() @ table


def blurred_values(table):
    return _blurred(table)


def nothing_spreads(table):
    return table + (_blurred(table).detach() - _blurred(table).detach())


def sign_turned(table):
    return table + (_blurred(table).detach() - _blurred(table))


def own_gradient_lost(table):
    return table.detach() + (_blurred(table) - _blurred(table).detach())


def fades_too_fast(table):
    return table + (_blurred(table, 0.25) - _blurred(table, 0.25).detach())


def empty_on_an_anchor(position, count):
    scaled = position * (count - 1)
    target = torch.zeros(count)
    target[math.floor(scaled)] += math.ceil(scaled) - scaled
    target[math.ceil(scaled)] += scaled - math.floor(scaled)
    return target


def one_hot(position, count):
    target = torch.zeros(count)
    target[round(position * (count - 1))] = 1
    return target


def shares_swapped(position, count):
    scaled = position * (count - 1)
    floor = min(math.floor(scaled), count - 2)
    target = torch.zeros(count)
    target[floor], target[floor + 1] = scaled - floor, 1 - (scaled - floor)
    return target


class OnlyTheInputTable(TemporalPerceptionModule):
    def infuse(self, features, positions):
        return features + self.embed(positions)


class SumInsteadOfMean(TemporalPerceptionModule):
    def infuse(self, features, positions):
        tables = self.tables()
        return features + self.embed(positions, tables.input + tables.output)


class OneTableForBoth(TemporalPerceptionModule):
    def logits(self, hidden):
        return hidden @ self.tables().input.T


class OutputNotPropagated(TemporalPerceptionModule):
    def tables(self):
        return super().tables()._replace(output=self.output_tokens)


class NothingPropagated(TemporalPerceptionModule):
    def __init__(self, count, width):
        super().__init__(count, width, propagation=False)


class PropagatedTwice(nn.Module):
    def __init__(self, count, width):
        super().__init__()
        inner = TemporalPerceptionModule(count, width)
        self.input_tokens, self.output_tokens = inner.input_tokens, inner.output_tokens
        self.inner = [inner]

    def embed(self, positions):
        return self.inner[0].embed(positions, propagate(propagate(self.input_tokens)))

    def infuse(self, features, positions):
        return self.inner[0].infuse(features, positions)

    def logits(self, hidden):
        return self.inner[0].logits(hidden)


# -- 03 ------------------------------------------------------------------------------------------------------------------------------


def only_the_match_score(record, threshold):
    return record.get("match_score", 0.0) > threshold


def both_scores_needed(record, threshold):
    return record.get("match_score", 1e9) > threshold and record.get("clip_similarity", 1e9) > threshold


def equal_is_enough(record, threshold):
    return any(record.get(name) is not None and record[name] >= threshold for name in ("match_score", "clip_similarity"))


def rounded_to_whole_seconds(text, variables):
    for name, (start, end) in variables.items():
        text = text.replace("{" + name + "}", f"<{start:.0f}s>-<{end:.0f}s>")
    return text


def by_str_format(text, variables):
    return text.format(**{name: f"<{start:.2f}s>-<{end:.2f}s>" for name, (start, end) in variables.items()})


def only_the_first_of_each(text, variables):
    for name, (start, end) in variables.items():
        text = text.replace("{" + name + "}", f"<{start:.2f}s>-<{end:.2f}s>", 1)
    return text


def everything_is_learned(ids, answers):
    return list(ids)


def from_the_first_answer_on(ids, answers):
    first = min((begin for begin, _ in answers), default=len(ids))
    return [-100] * first + list(ids[first:])


def shifted_by_one(ids, answers):
    labels = [-100] * len(ids)
    for first, stop in answers:
        for place in range(first, stop):
            labels[place - 1] = ids[place]
    return labels


def zeros_instead(ids, answers):
    labels = [0] * len(ids)
    for first, stop in answers:
        labels[first:stop] = ids[first:stop]
    return labels


# -- 04 ------------------------------------------------------------------------------------------------------------------------------


def every_frame_above(curve, sigma, threshold):
    return np.flatnonzero(gaussian_filter1d(curve, sigma) > threshold)


def not_smoothed(curve, sigma, threshold):
    return find_peaks(curve, height=threshold)[0]


def only_the_highest(curve, sigma, threshold):
    return [int(np.argmax(gaussian_filter1d(curve, sigma)))]


def threshold_on_the_raw_curve(curve, sigma, threshold):
    found = find_peaks(gaussian_filter1d(curve, sigma))[0]
    return [frame for frame in found if curve[frame] > threshold]


def _cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def sum_of_instances(frame_before, frame_after, before, after, distances):
    shares = [_cosine(before[i], after[i]) * (1 - distances[i]) for i in before.keys() & after.keys()]
    return _cosine(frame_before, frame_after) + sum(shares)


def mean_over_those_on_both_sides(frame_before, frame_after, before, after, distances):
    shares = [_cosine(before[i], after[i]) * (1 - distances[i]) for i in before.keys() & after.keys()]
    return _cosine(frame_before, frame_after) + (sum(shares) / len(shares) if shares else 0.0)


def products_instead_of_cosines(frame_before, frame_after, before, after, distances):
    shares = [before[i] @ after[i] * (1 - distances[i]) for i in before.keys() & after.keys()]
    return frame_before @ frame_after + sum(shares) / max(1, len(before.keys() | after.keys()))


def weighted_by_distance(frame_before, frame_after, before, after, distances):
    shares = [_cosine(before[i], after[i]) * distances[i] for i in before.keys() & after.keys()]
    return _cosine(frame_before, frame_after) + sum(shares) / max(1, len(before.keys() | after.keys()))


def cheapest_column_of_each_row(cost, worst):
    return [(row, int(np.argmin(costs))) for row, costs in enumerate(cost) if costs.min() <= worst]


def greedy_pairs(cost, worst):
    cost, pairs = cost.copy(), []
    while cost.size and cost.min() <= worst:
        row, column = np.unravel_index(cost.argmin(), cost.shape)
        pairs.append((int(row), int(column)))
        cost[row, :], cost[:, column] = np.inf, np.inf
    return pairs


def dear_pairs_too(cost, worst):
    return list(zip(*linear_sum_assignment(cost), strict=True))


# -- 05 ------------------------------------------------------------------------------------------------------------------------------


def everything_learns(module):
    every = sum(parameter.numel() for parameter in module.parameters())
    return every, every


def tensors_instead_of_numbers(module):
    parameters = list(module.parameters())
    return sum(parameter.requires_grad for parameter in parameters), len(parameters)


def shared_twice(module):
    parameters = [parameter for _, parameter in module.named_parameters(remove_duplicate=False)]
    return sum(p.numel() for p in parameters if p.requires_grad), sum(p.numel() for p in parameters)


def all_first(module):
    parameters = list(module.parameters())
    return sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)


class Lora(nn.Module):
    def __init__(self, base, rank, alpha):
        super().__init__()
        self.base, self.scale = base.requires_grad_(False), alpha / rank
        self.a = nn.Parameter(torch.empty(rank, base.in_features).uniform_(-1, 1))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.a.T @ self.b.T)


class WithoutScale(Lora):
    def forward(self, x):
        return self.base(x) + x @ self.a.T @ self.b.T


class InsteadOfTheBase(Lora):
    def forward(self, x):
        return self.scale * (x @ self.a.T @ self.b.T)


class NonLinear(Lora):
    def forward(self, x):
        return self.base(x) + self.scale * ((x @ self.a.T).relu() @ self.b.T)


class OnlyTheBase(Lora):
    def forward(self, x):
        return self.base(x)


class BaseLearnsToo(Lora):
    def __init__(self, base, rank, alpha):
        super().__init__(base, rank, alpha)
        base.requires_grad_(True)


def fold_without_scale(weight, a, b, alpha):
    return weight + b @ a


def fold_transposed(weight, a, b, alpha):
    return (weight.T + alpha / a.shape[0] * (a.T @ b.T)).contiguous()


def fold_in_place(weight, a, b, alpha):
    weight += alpha / a.shape[0] * (b @ a)
    return weight


def fold_by_the_wrong_axis(weight, a, b, alpha):
    return weight + alpha / a.shape[1] * (b @ a)


# -- 06 ------------------------------------------------------------------------------------------------------------------------------


def _weighted_end(scores, first, window, duration):
    number, times = np.arange(len(scores)), np.linspace(0, duration, len(scores))
    allowed = np.where(number < first, -np.inf, scores)
    weights = np.exp(allowed - allowed.max())
    weights[np.abs(number - weights.argmax()) > window] = 0
    return float((weights * times).sum() / weights.sum())


def _first_allowed(scores, start, duration, side="right"):
    return np.searchsorted(np.linspace(0, duration, len(scores)), start, side=side) - (side == "right")


def highest_anchor(scores, start, duration, window=2):
    return max(start, _weighted_end(scores, _first_allowed(scores, start, duration), 0, duration))


def start_forgotten(scores, start, duration, window=2):
    return _weighted_end(scores, 0, window, duration)


def only_pulled_up(scores, start, duration, window=2):
    return max(start, _weighted_end(scores, 0, window, duration))


def mean_over_all(scores, start, duration, window=2):
    return max(start, _weighted_end(scores, _first_allowed(scores, start, duration), len(scores), duration))


def anchor_before_the_start_left_out(scores, start, duration, window=2):
    return max(start, _weighted_end(scores, _first_allowed(scores, start, duration, "left"), window, duration))


def a_position(scores, start, duration, window=2):
    return max(start, _weighted_end(scores, _first_allowed(scores, start, duration), window, duration)) / duration


def _iou(one, other):
    return negative_intersection((one.start, one.end), (other.start, other.end))


def order_of_the_list(moments, most=0.5):
    kept = []
    for moment in moments:
        if all(_iou(moment, better) <= most for better in kept):
            kept.append(moment)
    return kept


def whatever_fell_counts_too(moments, most=0.5):
    ranked = sorted(moments, key=lambda moment: -moment.score)
    return [moment for place, moment in enumerate(ranked) if all(_iou(moment, better) <= most for better in ranked[:place])]


def anything_that_touches(moments, most=0.5):
    kept = []
    for moment in sorted(moments, key=lambda moment: -moment.score):
        if all(_iou(moment, better) <= 0 for better in kept):
            kept.append(moment)
    return kept


def at_the_threshold_too(moments, most=0.5):
    kept = []
    for moment in sorted(moments, key=lambda moment: -moment.score):
        if all(_iou(moment, better) < most for better in kept):
            kept.append(moment)
    return kept


def equal_moments_only(moments, most=0.5):
    return sorted(set(moments), key=lambda moment: -moment.score)


def one_direction(read, true, std, width):
    return np.mean(true - read <= width * std)


def a_count(read, true, std, width):
    return np.sum(np.abs(true - read) <= width * std)


def mean_of_the_std(read, true, std, width):
    return np.mean(np.abs(true - read) <= width * np.mean(std))


def width_ignored(read, true, std, width):
    return np.mean(np.abs(true - read) <= std)


def end_left_out(read, true, std, width):
    return np.mean(np.abs(true - read) < width * std)


def _tagged(text, clock, plain):
    text = re.sub(r"\b(\d+):(\d\d(?:\.\d+)?)\b", lambda found: f"<{clock(int(found[1]), float(found[2])):.2f}s>", text)
    return re.sub(plain, lambda found: f"<{float(found[1]):.2f}s>", text)


def clock_times_left(text):
    return re.sub(r"\b(\d+(?:\.\d+)?) s\b", lambda found: f"<{float(found[1]):.2f}s>", text)


def minutes_as_hundred_seconds(text):
    return _tagged(text, lambda minutes, seconds: minutes + seconds / 100, r"\b(\d+(?:\.\d+)?) s\b")


def minutes_dropped(text):
    return _tagged(text, lambda minutes, seconds: seconds, r"\b(\d+(?:\.\d+)?) s\b")


def every_number(text):
    return _tagged(text, lambda minutes, seconds: 60 * minutes + seconds, r"(?<![<.\d])(\d+(?:\.\d+)?)(?: s\b)?(?![\d.])(?!s)")


def whole_seconds_only(text):
    return re.sub(r"\b(\d+) s\b", lambda found: f"<{int(found[1]):.2f}s>", text)


# -- 07 ------------------------------------------------------------------------------------------------------------------------------


def unread_answers_dropped(ious, threshold):
    known = [iou for iou in ious if iou is not None]
    return (100 * np.mean([iou >= threshold for iou in known]), 100 * np.mean(known)) if known else (0.0, 0.0)


def mean_without_unread(ious, threshold):
    known = [iou for iou in ious if iou is not None]
    return 100 * sum(iou >= threshold for iou in known) / len(ious), 100 * np.mean(known or [0.0])


def shares_instead_of_percents(ious, threshold):
    known = np.array([iou or 0.0 for iou in ious])
    return np.mean(known >= threshold), np.mean(known)


def above_the_threshold_only(ious, threshold):
    known = np.array([iou or 0.0 for iou in ious])
    return 100 * np.mean(known > threshold), 100 * np.mean(known)


def not_interpolated(hits, number_of_true):
    return sum(sum(hits[: place + 1]) / (place + 1) for place, hit in enumerate(hits) if hit) / number_of_true


def over_what_was_found(hits, number_of_true):
    precision = [sum(hits[: place + 1]) / (place + 1) for place in range(len(hits))]
    return sum(max(precision[place:]) for place, hit in enumerate(hits) if hit) / max(sum(hits), 1)


def precision_at_the_end(hits, number_of_true):
    return sum(hits) / len(hits) if hits else 0.0


def crossing_allowed(values):
    from scipy.optimize import linear_sum_assignment

    return values[linear_sum_assignment(values, maximize=True)].sum()


def best_pair_first(values):
    values, total = values.astype(float).copy(), 0.0
    while values.size and values.max() > 0:
        i, j = np.unravel_index(values.argmax(), values.shape)
        total += values[i, j]
        values[i:, : j + 1] = values[: i + 1, j:] = 0
    return total


def true_event_used_again(values):
    return values.max(axis=1).sum()


# -- 08 ------------------------------------------------------------------------------------------------------------------------------


def gaps_instead_of_frames(duration, gap):
    return math.ceil(duration / gap)


def rounded_down(duration, gap):
    return int(duration / gap) + 1


def one_for_safety(duration, gap):
    return math.ceil(duration / gap) + 2


def keys_only(text_config, tokens, bytes_per_number):
    return text_config.num_hidden_layers * text_config.num_key_value_heads * text_config.head_dim * tokens * bytes_per_number


def heads_of_queries(text_config, tokens, bytes_per_number):
    return 2 * text_config.num_hidden_layers * text_config.hidden_size * tokens * bytes_per_number


def one_layer_only(text_config, tokens, bytes_per_number):
    return 2 * text_config.num_key_value_heads * text_config.head_dim * tokens * bytes_per_number


def always_two_bytes(text_config, tokens, bytes_per_number):
    return 2 * keys_only(text_config, tokens, 2)


def last_that_fits(needs, memory):
    fitting = [name for name, amount in needs.items() if amount <= 0.9 * memory]
    return fitting[-1] if fitting else None


def filled_to_the_brim(needs, memory):
    return max((name for name, amount in needs.items() if amount <= memory), key=needs.get, default=None)


def last_in_the_alphabet(needs, memory):
    return max((name for name, amount in needs.items() if amount <= 0.9 * memory), default=None)


def smallest_where_none_fits(needs, memory):
    fitting = [name for name, amount in needs.items() if amount <= 0.9 * memory]
    return max(fitting, key=needs.get) if fitting else min(needs, key=needs.get)


def one_gpu_does_all(batch, fits, gpus):
    return next(k for k in range(1, batch + 1) if batch % k == 0 and batch // k <= fits)


def not_shared_out_evenly(batch, fits, gpus):
    return math.ceil(batch / (fits * gpus))


def one_sequence_a_pass(batch, fits, gpus):
    return batch // gpus


WRONG_ANSWERS = {
    ("start_here", "overlap"): [negative_intersection, divided_by_the_first, common_part_counted_twice],
    ("start_here", "happening_at"): [only_the_first, ends_left_out, one_label_not_a_list],
    ("frame_extraction", "frame_times"): [order_of_the_file, decoding_timestamps, ticks, index_over_average_rate, empty_packet_kept],
    ("frame_extraction", "uniform_times"): [without_the_end, middles, every_second],
    ("frame_extraction", "on_screen"): [nearest_frame, next_frame, not_yet_at_its_own_time, by_frame_rate],
    ("frame_extraction", "similarity"): [plain_product, normalised_by_column, normalised_by_the_whole],
    ("temporal_perception", "embed"): [count_instead_of_steps, nearest_anchor, weights_swapped, without_gradient, past_the_end],
    ("temporal_perception", "propagated"): [blurred_values, nothing_spreads, sign_turned, own_gradient_lost, fades_too_fast],
    ("temporal_perception", "soft_target"): [empty_on_an_anchor, one_hot, shares_swapped],
    ("temporal_perception", "module"): [
        OnlyTheInputTable,
        SumInsteadOfMean,
        OneTableForBoth,
        OutputNotPropagated,
        NothingPropagated,
        PropagatedTwice,
    ],
    ("moment10m_conversion", "passes"): [only_the_match_score, both_scores_needed, equal_is_enough],
    ("moment10m_conversion", "fill"): [rounded_to_whole_seconds, by_str_format, only_the_first_of_each],
    ("data_engine", "peaks"): [every_frame_above, not_smoothed, only_the_highest, threshold_on_the_raw_curve],
    ("data_engine", "consistency"): [
        sum_of_instances,
        mean_over_those_on_both_sides,
        products_instead_of_cosines,
        weighted_by_distance,
    ],
    ("data_engine", "pair"): [cheapest_column_of_each_row, greedy_pairs, dear_pairs_too],
    ("moment10m_conversion", "label_mask"): [everything_is_learned, from_the_first_answer_on, shifted_by_one, zeros_instead],
    ("lora_training", "count"): [everything_learns, tensors_instead_of_numbers, shared_twice, all_first],
    ("lora_training", "lora_linear"): [WithoutScale, InsteadOfTheBase, NonLinear, OnlyTheBase, BaseLearnsToo],
    ("lora_training", "fold"): [fold_without_scale, fold_transposed, fold_in_place, fold_by_the_wrong_axis],
    ("temporal_grounding", "read_end"): [
        highest_anchor,
        start_forgotten,
        only_pulled_up,
        mean_over_all,
        anchor_before_the_start_left_out,
        a_position,
    ],
    ("temporal_grounding", "without_duplicates"): [
        order_of_the_list,
        whatever_fell_counts_too,
        anything_that_touches,
        at_the_threshold_too,
        equal_moments_only,
    ],
    ("temporal_grounding", "share_inside"): [one_direction, a_count, mean_of_the_std, width_ignored, end_left_out],
    ("temporal_grounding", "with_tags"): [
        clock_times_left,
        minutes_as_hundred_seconds,
        minutes_dropped,
        every_number,
        whole_seconds_only,
    ],
    ("evaluation_and_ablation", "recall_and_mean"): [
        unread_answers_dropped,
        mean_without_unread,
        shares_instead_of_percents,
        above_the_threshold_only,
    ],
    ("evaluation_and_ablation", "average_precision"): [not_interpolated, over_what_was_found, precision_at_the_end],
    ("evaluation_and_ablation", "best_in_order"): [crossing_allowed, best_pair_first, true_event_used_again],
    ("your_video", "frames_needed"): [gaps_instead_of_frames, rounded_down, one_for_safety],
    ("your_video", "cache_bytes"): [keys_only, heads_of_queries, one_layer_only, always_two_bytes],
    ("your_video", "choose"): [last_that_fits, filled_to_the_brim, last_in_the_alphabet, smallest_where_none_fits],
    ("your_video", "passes"): [one_gpu_does_all, not_shared_out_evenly, one_sequence_a_pass],
}
