"""Runs a model over videos with annotations and writes what it says as a predictions file. A run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from momentor_lib.evaluation.highlights import CLIP
from momentor_lib.evaluation.models import load_model
from momentor_lib.evaluation.protocol import Captioner, Grounder, Predictor, Rater, Said
from momentor_lib.evaluation.task_prompts import prompt
from momentor_lib.evaluation.truth import Item, Truth
from momentor_lib.files import write_whole
from momentor_lib.jobs import GiveUp, read_ledger, run_jobs
from momentor_lib.moments import Answer, Moment

LEDGER, PLAN, PREDICTIONS = "ledger.jsonl", "plan.json", "predictions.jsonl"
WINDOWS = 10  # moments a query that QVHighlights looks at


def default_folder(model: str, task: str, truth: Truth, data: Path) -> Path:
    """Where a run is kept if nobody says: the same model, task, videos and annotations have the same folder, so that it goes on."""
    name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in Path(model).name)
    digest = hashlib.sha256(json.dumps([model, str(data.resolve()), truth.path, _digest(truth.path)]).encode()).hexdigest()[:8]
    return Path("runs") / "evaluate" / f"{task}-{name}-{digest}"


def run_model(
    model: str | Predictor,
    data: str | Path,
    truth: Truth,
    task: str,
    folder: str | Path,
    *,
    seed: int = 0,
    progress: bool = True,
    tell: Callable[[str], object] = lambda _: None,
) -> Path:
    """Shows the model each video once and asks everything about it; gives back the path of the predictions.

    Args:
        model: what :func:`~momentor_lib.evaluation.models.load_model` takes, or one.
        data: folder of the videos, or of a ``videos`` folder with them; a file is a video's id with a suffix.
        truth: what is asked, and about which videos.
        task: one of :data:`~momentor_lib.evaluation.formats.TASKS`.
        folder: where the run is kept: ``ledger.jsonl``, ``plan.json`` and, at the end, ``predictions.jsonl``.
        seed: of a random baseline.
        progress: a bar on standard error, where that is a terminal.
        tell: is told of videos that are missing or failed; what is asked about them counts as missing.

    Raises:
        ValueError: the folder holds a run of something else, no video is there, or every one failed.
        OSError: a file cannot be read or written.
    """
    folder = Path(folder)
    files = _videos(Path(data))
    asked: dict[str, list[Item]] = {}
    for item in truth.items:
        asked.setdefault(item.video, []).append(item)
    missing = [video for video in asked if video not in files]
    if len(missing) == len(asked):
        raise ValueError(f"none of the {len(asked)} videos that {truth.path} names is in {data}; the first would be {missing[0]}.mp4")
    if missing:
        tell(f"{len(missing)} of {len(asked)} videos are not in {data}, for instance {missing[0]}; their queries count as missing")
    _same_plan(folder, {"model": _name(model), "task": task, "annotations": _digest(truth.path), "seed": seed, "weights": _weights(model)})
    runner = _Runner(model, task, seed)
    items = {video: (str(files[video]), own) for video, own in asked.items() if video in files}
    outcome = run_jobs(runner.one_video, items, folder / LEDGER, retries=0, description=f"{task}, {_name(model)}", progress=progress)
    for video, reason in list(outcome.failed.items())[:5]:
        tell(f"{video} failed: {reason}")
    if len(outcome.failed) == len(items):
        raise ValueError(f"every video failed; the first: {next(iter(outcome.failed.values()))}")
    ended = {entry.id: entry for entry in read_ledger(folder / LEDGER)}
    lines = [record for video in items if ended[video].status == "done" for record in ended[video].facts["predictions"]]
    write_whole(folder / PREDICTIONS, "".join(json.dumps(line) + "\n" for line in lines))
    return folder / PREDICTIONS


class _Runner:
    """Asks a model that is loaded when the first video comes: a run that is done needs none."""

    def __init__(self, model: str | Predictor, task: str, seed: int) -> None:
        self._named, self._task, self._seed = model, task, seed
        self._model: Predictor | None = None if isinstance(model, str) else model

    def one_video(self, video: str, argument: tuple[str, list[Item]]) -> dict[str, Any]:
        path, items = argument
        if self._model is None:
            self._model = load_model(self._named, self._seed)
        try:
            self._model.set_video(Path(path))
        except ValueError as error:  # VideoError is one
            raise GiveUp(str(error)) from error
        return {"predictions": ask_all(self._model, self._task, items)}


def ask_all(model: Predictor, task: str, items: Sequence[Item]) -> list[dict[str, Any]]:
    """Everything that is asked about the video that was set, as records of a predictions file."""
    if task in ("captioning", "segmentation"):
        said = model.caption() if isinstance(model, Captioner) else model.ask(prompt(task))
        return [{"video": items[0].video, **_record(said, "events")}]
    if task == "qa":
        asked = [(item, model.ask(prompt(task, item.text, item.options))) for item in items]
        return [{"id": item.id, "video": item.video, "question": item.text, "answer": _words(said)} for item, said in asked]
    queries = [item.text for item in items]
    grounds = isinstance(model, Grounder)
    answers = _ground(model, queries, task) if grounds else [model.ask(prompt(task, query)) for query in queries]
    records = [
        {"id": item.id, "video": item.video, "query": item.text, **_record(said, "moments")}
        for item, said in zip(items, answers, strict=True)
    ]
    if task == "highlights":
        for item, record, scores in zip(items, records, _saliency(model, queries, items, records), strict=True):
            if scores is not None and item.duration is not None:
                record["pred_saliency_scores"] = scores
    return records


def _ground(model: Grounder, queries: Sequence[str], task: str) -> Sequence[Said]:
    from momentor_lib.predictor import Predictor as Momentor  # imports torch, as every model does

    if task == "highlights" and isinstance(model, Momentor):
        return model.ground_many(queries, top_k=WINDOWS)
    return model.ground_many(queries)


def _saliency(model: Predictor, queries: Sequence[str], items: Sequence[Item], records: Sequence[Mapping]) -> list[list[float] | None]:
    if isinstance(model, Rater):
        return [[float(score) for score in scores] for scores in model.saliency_many(queries)]
    found: list[list[float] | None] = []
    for item, record in zip(items, records, strict=True):
        moments = [Moment(m["start"], m["end"], m["score"]) for m in record.get("moments", [])]
        found.append(None if item.duration is None else saliency_of_moments(moments, item.duration).tolist())
    return found


def saliency_of_moments(moments: Sequence[Moment], duration: float) -> np.ndarray:
    """A score for each clip of 2 s: of each moment its score times the share of the clip that it covers, the highest of these [clips]."""
    starts = np.arange(int(duration / CLIP)) * CLIP
    best = np.zeros(len(starts))
    for moment in moments:
        covered = np.clip(np.minimum(starts + CLIP, moment.end) - np.maximum(starts, moment.start), 0, None) / CLIP
        best = np.maximum(best, moment.score * covered)
    return best


def _record(said: Said, name: str) -> dict[str, Any]:
    """What a model said, as fields of a record; text without moments stays text, to be read later and counted where it cannot be."""
    if isinstance(said, str):
        return {"text": said}
    moments = said.moments if isinstance(said, Answer) else said
    fields: dict[str, Any] = {} if not isinstance(said, Answer) else {"text": said.text}
    fields[name] = [{"start": m.start, "end": m.end, "score": m.score} | ({"label": m.label} if m.label else {}) for m in moments]
    return fields


def _words(said: Answer | str) -> str:
    return said.text if isinstance(said, Answer) else str(said)


def _videos(data: Path) -> dict[str, Path]:
    from momentor_lib.data.durations import VIDEOS

    if not data.is_dir():
        raise NotADirectoryError(f"{data} is no folder of videos")
    folder = data / "videos" if (data / "videos").is_dir() else data
    return {file.stem: file for file in sorted(folder.iterdir()) if file.suffix.lower() in VIDEOS}


def _name(model: str | Predictor) -> str:
    return model if isinstance(model, str) else type(model).__name__


def _digest(path: str | Path) -> str:
    """Of a file, or of the names and sizes in a folder."""
    path = Path(path)
    if path.is_dir():
        listing = sorted((file.name, file.stat().st_size) for file in path.iterdir() if file.is_file())
        return hashlib.sha256(json.dumps(listing).encode()).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _weights(model: str | Predictor) -> str:
    """What tells a model from another one in the same folder: size and time of its weights."""
    if not isinstance(model, str):
        return ""
    if model == "tiny":
        from momentor_lib.paths import shipped

        return _digest(shipped("checkpoints/tiny") / "model.safetensors")
    file = Path(model.rpartition(":")[0] if ".py:" in model else model)
    if file.is_file():
        return _digest(file)
    return str(sorted((f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in file.glob("*.safetensors"))) if file.is_dir() else ""


def _same_plan(folder: Path, plan: Mapping[str, Any]) -> None:
    path = folder / PLAN
    if path.exists():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is damaged: {error}; name another folder with --out") from None
        changed = [name for name in plan if before.get(name) != plan[name]]
        if changed:
            raise ValueError(f"{folder} holds a run with another {', '.join(changed)}; name another folder with --out, or remove it")
        return
    if (folder / LEDGER).exists():
        raise ValueError(f"{folder} holds a ledger, but not of an evaluation; name another folder with --out")
    write_whole(path, json.dumps(plan, indent=2) + "\n")
