"""``momentor``: the library's commands.

What a command computes goes to standard output, everything else to standard error. A user's mistake gives one line that says what is
wrong and what to do, and exit code 2. What the commands need is imported when one runs, so that ``momentor --help`` is quick.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from momentor_lib import __version__
from momentor_lib.timecode import display, for_people

if TYPE_CHECKING:
    from momentor_lib.moments import Answer, Moment
    from momentor_lib.predictor import Predictor

# click's own UsageError (unknown option, missing argument, ...), which newer versions of typer bring along themselves.
UsageError = typer.BadParameter.__base__
INTERRUPTED = 130  # as shells say it: 128 and the signal's number

app = typer.Typer(
    name="momentor",
    help="Momentor answers when something happens in a video.",
    epilog="Exit codes: 0 done, 1 a check failed, 2 a mistake in what was asked, named in one line.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

VideoArgument = Annotated[Path, typer.Argument(metavar="VIDEO", help="A video file.", show_default=False)]
ModelOption = Annotated[str, typer.Option("--model", metavar="M", help="The shipped 'tiny', or the folder of a saved model.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


class Split(str, Enum):
    """The toy world's splits; test videos hold out colour-shape pairs."""

    train = "train"
    val = "val"
    test = "test"


@app.command()
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
    _check_outputs(png, html)
    with _results_only():
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


@app.command()
def ask(
    video: VideoArgument,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question; a time in it is written <12.3s>.", show_default=False)],
    as_json: JsonOption = False,
    model: ModelOption = "tiny",
) -> None:
    """Answers a question about a video."""
    question = _words(question, "QUESTION")
    with _results_only():
        predictor = _watch(video, model)
        answer = predictor.ask(question)
        _tell_warnings(answer)
    if as_json:
        moments = [_moment_record(moment) for moment in answer.moments]
        _print_json(video, predictor, {"question": question, "text": answer.text, "moments": moments, "model": model})
    else:
        print(for_people(answer.text))


@app.command()
def caption(
    video: VideoArgument,
    start: Annotated[float | None, typer.Option(metavar="S", min=0, help="Only from here, seconds.", show_default=False)] = None,
    end: Annotated[float | None, typer.Option(metavar="S", min=0, help="Only up to here, seconds.", show_default=False)] = None,
    as_json: JsonOption = False,
    model: ModelOption = "tiny",
) -> None:
    """Every event with its times, or what happens in one segment."""
    _check_segment(start, end)
    with _results_only():
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


@app.command()
def toy(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write.", show_default=False)],
    videos: Annotated[int, typer.Option(metavar="N", min=1, help="How many videos.", show_default=False)],
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="The same seed gives the same videos.", show_default=False)],
    split: Annotated[Split, typer.Option(help="Test videos hold out colour-shape pairs.")] = Split.train,
) -> None:
    """Writes toy videos with exact annotations: videos/, annotations.jsonl, moment10m.json, gesm.json, MANIFEST."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; name a folder")
    with _results_only():
        from tqdm import tqdm

        from momentor_lib.toy import write_toy

        with tqdm(total=videos, unit="video", file=sys.stderr, disable=None) as bar:
            write_toy(out, videos, seed, split.value, progress=lambda done: bar.update(done - bar.n))
    print(f"{videos} {split.value} video{'' if videos == 1 else 's'} in {out}")


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Is this machine ready? Exit code 1 where it is not."""
    with _results_only():
        from momentor_lib.doctor import examine

        checks = examine()
    ready = all(check.status != "FAIL" for check in checks)
    if as_json:
        print(json.dumps({"ready": ready, "checks": [check.record() for check in checks]}, indent=2))
    else:
        for check in checks:
            print(f"{f'[{check.status}]':6} {check.name}: {check.detail}")
            if check.fix:
                print(f"       fix: {check.fix}")
    if not ready:
        raise typer.Exit(1)


@app.callback(invoke_without_command=True)
def common(context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Momentor answers when something happens in a video."""
    if version:
        print(f"momentor {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line and returns its exit code.

    ``MOMENTOR_TRACEBACK=1`` in the environment shows where an error came from instead of one line.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a letter is no reason to fail
    try:
        code = app(arguments, prog_name="momentor", standalone_mode=False) or 0
        if code == INTERRUPTED:
            _complain("stopped")
        return code
    except UsageError as error:
        _complain(error.format_message(), f"see {error.ctx.command_path if error.ctx else 'momentor'} --help")
    except (KeyboardInterrupt, typer.Abort):  # older versions of typer; newer ones return the code
        _complain("stopped")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output (head, less) has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError) as error:  # VideoError is a ValueError
        if os.environ.get("MOMENTOR_TRACEBACK"):
            raise
        _complain(f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error))
    return 2


def _complain(message: str, hint: str = "") -> None:
    line = " ".join(message.split()).rstrip(".")
    print(f"momentor: {line}{f' ({hint})' if hint else ''}", file=sys.stderr)


@contextmanager
def _results_only() -> Iterator[None]:
    """Keeps what libraries print off standard output, and lets only our own warnings through, a line each."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", category=UserWarning, module=r"momentor_lib(\.|$)")
        told: set[str] = set()  # a file that is read several times (probed, decoded, drawn) has its say once

        def tell(message: Warning | str, *_: object) -> None:
            if str(message) not in told:
                told.add(str(message))
                _warn(str(message))

        warnings.showwarning = tell
        yield


def _warn(message: str) -> None:
    print(f"momentor: warning: {' '.join(message.split())}", file=sys.stderr)


def _tell_warnings(answer: Answer) -> None:
    for message in answer.warnings:
        _warn(message)


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
        _warn(f"the video ends at {display(duration)}, before --end {end:g}")
    return start or 0.0, duration if end is None else min(end, duration)


def _check_outputs(*paths: Path | None) -> None:
    """Complains before the work rather than after it."""
    given = [path for path in paths if path is not None]
    if len({path.resolve() for path in given}) < len(given):
        raise ValueError(f"--png and --html both name {given[0]}; give each its own file")
    for path in given:
        if path.is_dir():
            raise ValueError(f"cannot write {path}: it is a folder; name a file in it")
        folder = next(parent for parent in path.resolve().parents if parent.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise ValueError(f"cannot write {path}: {folder} is not a folder that you may write to")


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
