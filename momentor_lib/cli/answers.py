"""``momentor ground``, ``ask`` and ``caption``: what a model says about a video."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from momentor_lib.cli.output import JsonOption, check_outputs, results_only, warn
from momentor_lib.timecode import display, for_people

if TYPE_CHECKING:
    from momentor_lib.moments import Answer, Moment
    from momentor_lib.predictor import Predictor

VideoArgument = Annotated[Path, typer.Argument(metavar="VIDEO", help="A video file.", show_default=False)]
ModelOption = Annotated[str, typer.Option("--model", metavar="M", help="The shipped 'tiny', or the folder of a saved model.")]


def ground(
    video: VideoArgument,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What to look for.", show_default=False)],
    top: Annotated[int | None, typer.Option("--top", metavar="K", min=1, help="At most K moments.", show_default=False)] = None,
    as_json: JsonOption = False,
    png: Annotated[Path | None, typer.Option(metavar="F", help="Write the timeline as a picture.", show_default=False)] = None,
    html: Annotated[Path | None, typer.Option(metavar="F", help="Write the timeline as a page.", show_default=False)] = None,
    model: ModelOption = "tiny",
) -> None:
    """When does it happen? The moments of a query, best first."""
    query = _words(query, "QUERY")
    check_outputs(png, html)
    with results_only():
        predictor = _watch(video, model)
        answer = predictor.ground(query, top_k=top)
        _tell_warnings(answer)
        if png or html:
            _write_timeline(predictor, answer, video, query, png, html)
    if as_json:
        moments = [_moment_record(moment) for moment in answer.moments]
        _print_json(video, predictor, {"query": query, "text": answer.text, "moments": moments, "model": model})
        return
    print(query)
    for line in [_moment_line(moment) for moment in answer.moments] or ["no moment found"]:
        print(f"  {line}")


def ask(
    video: VideoArgument,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question; a time in it is written <12.3s>.", show_default=False)],
    as_json: JsonOption = False,
    model: ModelOption = "tiny",
) -> None:
    """Answers a question about a video."""
    question = _words(question, "QUESTION")
    with results_only():
        predictor = _watch(video, model)
        answer = predictor.ask(question)
        _tell_warnings(answer)
    if as_json:
        moments = [_moment_record(moment) for moment in answer.moments]
        _print_json(video, predictor, {"question": question, "text": answer.text, "moments": moments, "model": model})
    else:
        print(for_people(answer.text))


def caption(
    video: VideoArgument,
    start: Annotated[float | None, typer.Option(metavar="S", min=0, help="Only from here, seconds.", show_default=False)] = None,
    end: Annotated[float | None, typer.Option(metavar="S", min=0, help="Only up to here, seconds.", show_default=False)] = None,
    as_json: JsonOption = False,
    model: ModelOption = "tiny",
) -> None:
    """Every event with its times, or what happens in one segment."""
    _check_segment(start, end)
    with results_only():
        predictor = _watch(video, model)
        segment = start is not None or end is not None
        if segment:
            start, end = _inside(start, end, predictor.duration)
        answer = predictor.caption(start, end)
        _tell_warnings(answer)
    if as_json:
        moments = [_moment_record(moment) | {"label": moment.label} for moment in answer.moments]
        _print_json(video, predictor, {"start": start, "end": end, "text": answer.text, "moments": moments, "model": model})
    elif segment or not answer.moments:
        print(for_people(answer.text))
    else:
        for moment in answer.moments:
            print(f"{_span(moment)}  {for_people(moment.label)}")


def _tell_warnings(answer: Answer) -> None:
    for message in answer.warnings:
        warn(message)


def _words(text: str, name: str) -> str:
    if not text.strip():
        raise ValueError(f"{name} is empty; write what to look for in words")
    return text.strip()


def _check_segment(start: float | None, end: float | None) -> None:
    if any(bound is not None and not 0 <= bound < float("inf") for bound in (start, end)):
        raise ValueError("--start and --end are numbers of seconds from the start of the video")
    if start is not None and end is not None and start >= end:
        raise ValueError(f"--start {start:g} must be before --end {end:g}")


def _inside(start: float | None, end: float | None, duration: float) -> tuple[float, float]:
    """The segment's bounds, a missing one being the video's own."""
    if start is not None and start >= duration:
        raise ValueError(f"--start {start:g} is not inside the video, which lasts {display(duration)}")
    if end is not None and end > duration:
        warn(f"the video ends at {display(duration)}, before --end {end:g}")
    return start or 0.0, duration if end is None else min(end, duration)


def _watch(video: Path, model: str) -> Predictor:
    """A predictor that has seen the video. The file is looked at first: that is quick, and loading a model is not."""
    from momentor_lib.video import probe

    probe(video)
    from momentor_lib.predictor import Predictor

    try:
        predictor = Predictor(model)
    except (ValueError, OSError):
        raise
    except Exception as error:  # a damaged file can fail in any of the libraries that read it
        raise ValueError(f"model {model!r} does not load: {error}; momentor doctor checks the shipped one") from error
    return predictor.set_video(video)


def _write_timeline(predictor: Predictor, answer: Answer, video: Path, query: str, png: Path | None, html: Path | None) -> None:
    from momentor_lib.viz.timeline import Timeline

    timeline = Timeline(predictor.duration, answer.moments, query=query, video_path=video, note=" ".join(answer.warnings))
    if png:
        timeline.save_png(png)
    if html:
        timeline.save_html(html)


def _moment_record(moment: Moment) -> dict[str, float]:
    return {name: getattr(moment, name) for name in ("start", "end", "score", "start_std", "end_std")}


def _span(moment: Moment) -> str:
    return f"{display(moment.start)} - {display(moment.end)}"


def _moment_line(moment: Moment) -> str:
    spread = f"give or take {display(moment.start_std)} and {display(moment.end_std)}"
    return f"{_span(moment)}  score {moment.score:.2f}, {spread}"


def _print_json(video: Path, predictor: Predictor, fields: dict[str, object]) -> None:
    print(json.dumps({"video": str(video), "duration": predictor.duration, **fields}, indent=2, allow_nan=False))
