"""The command line of Rollhouse.

Belongs here: options, exit codes, and how errors look. Does not belong here: any work; each
command calls one function. Libraries are imported by the commands that need them: a build
that finds nothing changed must answer within half a second, Python's own start included.

Exit codes: 0 done or up to date, 1 failed, 2 bad usage, 130 interrupted.
"""

from __future__ import annotations

import gc
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from warehouse import __version__
from warehouse.errors import INTERRUPTED, RollhouseError
from warehouse.wording import printable

if TYPE_CHECKING:
    from warehouse.ledger_block import Choice
    from warehouse.settings import Settings

app = typer.Typer(
    name="rollhouse",
    help="An analytics warehouse for your Codex work.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich takes longer to import than the rest
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _path(text: str) -> Path:
    if not text:  # a variable that is not set; it would be the working folder
        raise typer.BadParameter("it is empty")
    return Path(text)


Home = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", parser=_path, help="Where Rollhouse keeps its data."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="From this day or time on.")
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="To this day's end, or this time.")
]
Project = Annotated[
    str | None,
    typer.Option("--project", metavar="FOLDER", help="Of this folder and those in it."),
]
Label = Annotated[
    str | None, typer.Option("--label", metavar="NAME", help="Of sources with this label.")
]


class Format(StrEnum):
    """Output forms of `query`."""

    table = "table"
    json = "json"
    csv = "csv"
    parquet = "parquet"


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(f"rollhouse {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        raise typer.Exit(2)


@app.command()
def build(
    home: Home = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source", metavar="KIND:PATH", help="Read only this (may be given more than once)."
        ),
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Worker processes.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read all files again, and make all tables anew.")
    ] = False,
) -> None:
    """Read what changed and publish the warehouse anew."""
    settings = _settings(home, source, jobs)
    from warehouse.build import Build
    from warehouse.console import BuildConsole, print_unchanged

    with Build(settings, verify=verify) as work:
        if work.is_up_to_date():
            work.note_unchanged()
            print_unchanged(work)
            return
        # What Dagster loads and makes stays until the end, which is near: looking through it for
        # garbage again and again takes 0.4 s and finds next to none.
        gc.disable()
        from pipelines.run import run_build

        with BuildConsole() as console:
            work.progress = console
            outcome = run_build(work)
        console.result(outcome, work)


@app.command()
def query(
    sql: Annotated[
        str, typer.Argument(metavar="SQL", help="One SELECT, or - to read it from stdin.")
    ],
    home: Home = None,
    format: Annotated[Format, typer.Option("--format", help="Output form.")] = Format.table,
) -> None:
    """Query the published warehouse; nothing can be written."""
    settings = _settings(home)
    from warehouse.query import run_query

    if sql == "-":
        sql = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    run_query(settings, sql, format.value)


@app.command()
def summary(
    home: Home = None,
    since: Since = None,
    until: Until = None,
    project: Project = None,
    label: Label = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the goals' summary block for other programs.")
    ] = False,
) -> None:
    """Sessions, tokens, cost and goals at a glance."""
    settings = _settings(home)
    from warehouse import overview

    choice = _choice(settings, since, until, project, label)
    if as_json:
        _print_json(overview.goal_block(settings, choice))
        return
    from warehouse.pages import print_goals, print_usage

    print_usage(overview.usage(settings, choice))
    if goals := overview.goals(settings, choice):
        print()
        print_goals(goals)


@app.command()
def usage(
    home: Home = None,
    since: Since = None,
    until: Until = None,
    project: Project = None,
    label: Label = None,
    as_json: AsJson = False,
) -> None:
    """Tokens and cost alone, by project, model and day."""
    settings = _settings(home)
    from warehouse import overview

    data = overview.usage(settings, _choice(settings, since, until, project, label))
    if as_json:
        _print_json(data)
        return
    from warehouse.pages import print_usage

    print_usage(data)


@app.command()
def status(home: Home = None, as_json: AsJson = False) -> None:
    """What was read, when, and what is not covered."""
    settings = _settings(home)
    from warehouse import overview

    data = overview.status(settings)
    if as_json:
        _print_json(data)
        return
    from warehouse.pages import print_status

    print_status(data)


@app.command()
def explain(
    thread: Annotated[
        str, typer.Argument(metavar="THREAD", help="Id of a thread, or how it begins.")
    ],
    home: Home = None,
    turn: Annotated[
        int | None, typer.Option("--turn", metavar="N", min=1, help="This turn alone.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Every usage line of a thread: counted or not, and why."""
    settings = _settings(home)
    from warehouse.explain import explain as explain_thread

    data = explain_thread(settings, thread, turn)
    if as_json:
        _print_json(data)
        return
    from warehouse.pages import print_explanation

    print_explanation(data)


def _print_json(data: object) -> None:
    import msgspec

    encoder = msgspec.json.Encoder(decimal_format="number")
    print(msgspec.json.format(encoder.encode(data), indent=2).decode())


@app.command()
def report(
    home: Home = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            parser=_path,
            help="Where to; <home>/report.html without it.",
        ),
    ] = None,
) -> None:
    """Write a report as one HTML file, with tables and charts."""
    settings = _settings(home)
    from warehouse.report import write_report

    path = out or settings.home / "report.html"
    write_report(settings, path)
    print(f"The report is {path}")


@app.command()
def capture(
    program: Annotated[
        list[str], typer.Argument(metavar="-- PROGRAM ...", help="What to run, with its options.")
    ],
    out: Annotated[  # a Path would forget the slash of a folder
        str, typer.Option("--out", metavar="PATH", help="File to append to, or folder/.")
    ],
    content: Annotated[
        bool, typer.Option("--content", help="Keep texts as they are, not only their sizes.")
    ] = False,
) -> None:
    """Run an app-server and record what passes."""
    from warehouse.capture import run

    raise typer.Exit(run(program, out, content))


@app.command("purge-content")
def purge_content(
    home: Home = None,
    project: Annotated[
        str | None, typer.Option("--project", metavar="FOLDER", help="Of this project only.")
    ] = None,
) -> None:
    """Delete the texts that were captured; counts stay."""
    settings = _settings(home)
    from warehouse.content import purge

    number = purge(settings, project)
    whose = f" of {project}" if project else ""
    print(f"Deleted {number:,} file{'' if number == 1 else 's'} with captured texts{whose}.")


@app.command()
def ui(
    home: Home = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 3000,
) -> None:
    """Serve the Dagster UI: lineage, runs, checks, schedule."""
    settings = _settings(home)
    from pipelines.ui import serve_ui

    raise typer.Exit(serve_ui(settings, port))


def _settings(
    home: Path | None, sources: list[str] | None = None, jobs: int | None = None
) -> Settings:
    from warehouse.settings import load_settings

    return load_settings(home, sources, jobs)


def _choice(
    settings: Settings,
    since: str | None,
    until: str | None,
    project: str | None,
    label: str | None,
) -> Choice:
    from warehouse.ledger_block import Choice, moment

    return Choice(
        moment(since, settings.timezone) if since else None,
        moment(until, settings.timezone, is_end=True) if until else None,
        project,
        label,
    )


def fail(message: str, code: int) -> NoReturn:
    """End with a message on stderr."""
    print(f"rollhouse: {printable(message)}", file=sys.stderr)
    raise SystemExit(code)


def main() -> None:
    """Entry point: turns known errors into a message and an exit code."""
    _fill_closed()
    try:
        app(prog_name="rollhouse")
    except RollhouseError as error:
        fail(str(error), error.exit_code)
    except OSError as error:  # a full disk, a folder that may not be written, ...
        fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    except RuntimeError as error:
        if str(error) != "Query interrupted":  # what DuckDB makes of Ctrl-C
            raise
        _interrupted()
    except SystemExit as end:
        if _is_interrupt(end):
            _interrupted()
        _flush()
        if "dagster" in sys.modules and isinstance(end.code, int):
            _leave(end.code)
        raise


def _fill_closed() -> None:
    """Streams that were closed before we began: no file that is opened may take their places."""
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(null)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _leave(code: int) -> NoReturn:
    """End at once. Taking apart all that Dagster has loaded, object by object, takes 0.4 s."""
    sys.stderr.flush()
    os._exit(code)


def _is_interrupt(end: SystemExit) -> bool:
    """Whether typer made this of Ctrl-C (and not a program that `capture` ran, of its own end)."""
    return isinstance(getattr(end.__context__, "__cause__", None), KeyboardInterrupt)


def _interrupted() -> NoReturn:
    fail("interrupted; the last published warehouse stays as it was", INTERRUPTED)


def _flush() -> None:
    """Write what is left, while a reader that went away (`| head`) can be told from an error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
