"""The program: its commands under one name, and what becomes of their errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from momentor_lib import __version__
from momentor_lib.cli import answers, check, convert, download, engine, evaluate, extract, fetch, machine, train
from momentor_lib.cli.output import complain

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
COMMANDS = (
    answers.ground,
    answers.ask,
    answers.caption,
    machine.toy,
    check.check,
    convert.convert,
    download.download,
    extract.extract,
    engine.engine,
    train.train,
    evaluate.evaluate,
    fetch.fetch,
    machine.doctor,
)
for command in COMMANDS:
    app.command()(command)


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
            complain("stopped")
        return code
    except UsageError as error:
        complain(error.format_message(), f"see {error.ctx.command_path if error.ctx else 'momentor'} --help")
    except (KeyboardInterrupt, typer.Abort):  # older versions of typer; newer ones return the code
        complain("stopped")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output (head, less) has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError) as error:  # VideoError is a ValueError
        if os.environ.get("MOMENTOR_TRACEBACK"):
            raise
        complain(f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error))
    return 2
