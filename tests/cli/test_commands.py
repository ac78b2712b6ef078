"""The command line as users meet it: exit codes, messages, what is imported.

Belongs here: whole processes. Does not belong here: the forms of a query (test_query.py),
pages (test_pages.py), and stages of a build.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Rollhouse, settings_for
from warehouse import __version__, console, resources
from warehouse.build import Build, run
from warehouse.console import BuildConsole
from warehouse.scanning import Plan
from warehouse.settings import Settings

COMMANDS = (
    *("build", "query", "summary", "usage", "status", "explain"),
    *("report", "capture", "purge-content", "ui"),
)


def test_version(rollhouse: Rollhouse) -> None:
    done = rollhouse("--version")
    assert (done.returncode, done.stdout) == (0, f"rollhouse {__version__}\n")


def test_help_names_every_command(rollhouse: Rollhouse) -> None:
    done = rollhouse("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        # a whole sentence: longer ones are cut
        assert re.search(rf"^  {command} +[A-Z].*[a-z]\.$", done.stdout, re.MULTILINE), command


def test_no_command_is_bad_usage(rollhouse: Rollhouse) -> None:
    done = rollhouse()
    assert (done.returncode, done.stdout) == (2, "")
    assert "Commands:" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bild"], "No such command 'bild'"),
        (["build", "--jbos", "2"], "No such option: --jbos"),
        (["build", "--jobs", "0"], "Invalid value for '--jobs'"),
        (["build", "--source", "codex"], "--source codex: expected KIND:PATH"),
        (["build", "--source", "cdx:/tmp"], "there is no source kind 'cdx'"),
        (["build", "--source", "codex:/not/there"], "source codex:/not/there is not there"),
        (["query"], "Missing argument 'SQL'"),
        (["query", ""], "there is no SQL"),
        (["query", "SELECT 1", "--format", "xml"], "Invalid value for '--format'"),
        (["build", "--home", ""], "Invalid value for '--home': it is empty"),
        (["build", "--home", "h\udcff"], "h\N{REPLACEMENT CHARACTER} is not UTF-8; name another"),
        (["query", "SELECT '\udcfc'"], "the SQL is not UTF-8; save its file as UTF-8"),
        (["report", "--out", ""], "Invalid value for '--out': it is empty"),
        (["usage", "--since", "yesterday"], "'yesterday' is no day or time; write it like"),
    ],
)
def test_bad_usage(rollhouse: Rollhouse, arguments: list[str], message: str) -> None:
    done = rollhouse(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["query", "SELECT 1"], ["summary"], ["status"], ["report"]])
def test_no_warehouse_yet(rollhouse: Rollhouse, command: list[str], tmp_path: Path) -> None:
    done = rollhouse(*command, "--home", tmp_path / "home")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"rollhouse: there is no warehouse in {tmp_path}/home yet; make")
    assert not (tmp_path / "home").exists()


def test_home_that_is_a_file(rollhouse: Rollhouse, tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    done = rollhouse("build", "--home", tmp_path / "home")
    assert done.returncode == 1
    assert done.stderr.startswith(f"rollhouse: {tmp_path}/home/lake")
    assert "Not a directory" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_wrong_setting_is_named(rollhouse: Rollhouse, tmp_path: Path) -> None:
    (tmp_path / "rollhouse.toml").write_text('timezon = "Europe/Berlin"\n')
    done = rollhouse("status")
    assert done.returncode == 2
    assert "timezon: no such setting" in done.stderr
    assert str(tmp_path / "rollhouse.toml") in done.stderr


def test_query_from_standard_input(rollhouse: Rollhouse, published: Settings) -> None:
    sql = "SELECT count(*) AS n\nFROM sessions\n"
    done = rollhouse("query", "--home", published.home, "--format", "csv", "-", stdin=sql)
    assert (done.returncode, done.stdout, done.stderr) == (0, "n\n47\n", "")


def test_sql_error_is_a_failure_without_traceback(
    rollhouse: Rollhouse, published: Settings
) -> None:
    done = rollhouse("query", "--home", published.home, "SELECT nothing FROM usage")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith('rollhouse: Binder Error: Referenced column "nothing" not found')
    assert "Traceback" not in done.stderr


INSIDE_DUCKDB = "SELECT sum(a.range * b.range % 7) FROM range(1_000_000) a, range(1_000_000) b"
WHILE_WRITING = "SELECT range FROM range(10_000_000_000)"


@pytest.mark.parametrize("sql", [INSIDE_DUCKDB, WHILE_WRITING])
def test_interrupt(
    published: Settings, environment: dict[str, str], tmp_path: Path, sql: str
) -> None:
    command = [sys.executable, "-m", "warehouse", "query", "--home", str(published.home)]
    with (
        open(tmp_path / "out", "w") as out,
        subprocess.Popen(
            [*command, "--format", "csv", sql],
            cwd=tmp_path,
            env=environment,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        errors = _end_impatiently(process)
    assert (process.returncode, errors) == (
        130,
        "rollhouse: interrupted; the last published warehouse stays as it was\n",
    )


def _end_impatiently(process: subprocess.Popen[str]) -> str:
    """Press Ctrl-C once the query must be running, and again if nothing happens."""
    wait = 3.0
    for _ in range(10):
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=3)[1]
        except subprocess.TimeoutExpired:
            wait = 0.0
    process.kill()
    raise AssertionError("Ctrl-C does not end the query")


def test_closed_pipe_is_silent(
    published: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Output that nobody reads, small enough to be written only at the end."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "warehouse", "status", "--home", str(published.home)],
        cwd=tmp_path,
        env=environment,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert done.stderr == ""


def test_capture_ends_as_the_program_does(rollhouse: Rollhouse, tmp_path: Path) -> None:
    out = tmp_path / "capture.jsonl"
    program = ["sh", "-c", 'echo \'{"id": 1, "result": {}}\'; exit 7', "--home"]
    done = rollhouse("capture", "--out", out, "--", *program)
    assert (done.returncode, done.stdout) == (7, '{"id": 1, "result": {}}\n')
    assert json.loads(out.read_text())["msg"]["id"] == 1
    done = rollhouse("capture", "--out", out, "--", "sh", "-c", "kill -INT $$")
    assert (done.returncode, done.stderr) == (130, "")  # its interrupt, not ours
    done = rollhouse("capture", "--out", tmp_path / "no" / "x", "--", "true")
    assert done.returncode == 2


def test_a_folder_for_captures_is_made(rollhouse: Rollhouse, tmp_path: Path) -> None:
    """As docs/streams.md has it: one file for each run, also for the first."""
    for _ in range(2):
        assert rollhouse("capture", "--out", "new/captures/", "--", "true").returncode == 0
    assert len(list((tmp_path / "new" / "captures").glob("app-server-*.jsonl"))) == 2
    (tmp_path / "file").touch()
    done = rollhouse("capture", "--out", "file/", "--", "true")
    assert (done.returncode, "cannot be written" in done.stderr) == (2, True)


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_capture_takes_no_closed_stream_s_place(
    environment: dict[str, str], tmp_path: Path, closed: str
) -> None:
    """Else the program would be given the capture to read, or write into it."""
    out = tmp_path / "capture.jsonl"
    out.write_text('{"ts":"2026-11-21T11:00:00Z","dir":"in","msg":{"id":1,"result":{}}}\n')
    program = 'cat; echo \'{"method":"last"}\'; exit 5'
    capture = [sys.executable, "-m", "warehouse", "capture", "--out", str(out), "--"]
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", *capture, "sh", "-c", program],
        cwd=tmp_path,
        env=environment,
        input=b"",
        capture_output=True,
        timeout=60,
        check=False,
    )
    said = b"" if "1>" in closed else b'{"method":"last"}\n'
    assert (done.returncode, done.stdout, done.stderr) == (5, said, b"")
    messages = [json.loads(line)["msg"] for line in out.read_text().splitlines()]
    assert messages == [{"id": 1, "result": {}}, {"method": "last"}]


def test_what_goes_wrong_is_never_told_to_the_client(
    environment: dict[str, str], tmp_path: Path
) -> None:
    capture = [sys.executable, "-m", "warehouse", "capture", "--out", str(tmp_path), "--"]
    done = subprocess.run(
        ["sh", "-c", '"$@" 2>&-', "sh", *capture, "no-such-program"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (127, b"")


def test_purge_without_captured_texts(rollhouse: Rollhouse, tmp_path: Path) -> None:
    done = rollhouse("purge-content", "--home", tmp_path / "home")
    assert (done.returncode, done.stdout) == (0, "Deleted 0 files with captured texts.\n")
    assert not (tmp_path / "home").exists()


# --- build ----------------------------------------------------------------------------------------

GROWN = (
    '{"timestamp":"2026-11-21T12:00:00.000Z","type":"event_msg","payload":'
    '{"type":"token_count","info":null}}\n'
)


@pytest.mark.slow
def test_build_again_and_again(rollhouse: Rollhouse, tmp_path: Path) -> None:
    home, codex = tmp_path / "home", tmp_path / "codex"
    shutil.copytree(resources.sample_folder(), codex)
    build = ("build", "--home", home, "--source", f"codex:{codex}")
    database = home / "lake" / "current" / "warehouse.duckdb"

    done = rollhouse(*build)
    assert done.returncode == 0, done.stderr
    assert re.match(rf"Built in \d+\.\d s: {re.escape(str(database))}\n", done.stdout)
    found = re.search(r"^  Sources +(\d+) files found, 0 unchanged$", done.stdout, re.MULTILINE)
    assert found
    assert f" of {found[1]} sources, 1 rejected\n" in done.stdout
    assert re.search(r"^  Coverage +38 of 47 sessions have usage, ", done.stdout, re.M)
    assert "Problem" not in done.stdout
    assert done.stderr.splitlines()[0].startswith("Reading ")
    assert done.stderr.splitlines()[-1] == "Publishing ..."

    done = rollhouse(*build)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Up to date: nothing changed in ")
    assert str(database) in done.stdout

    grown = next(codex.glob("sessions/**/*01a1fddd-82eb*.jsonl"))
    with grown.open("a") as file:
        file.write(GROWN)
    (codex / "sessions" / "rollout-2026-11-22T00-00-00-x.jsonl.zst").write_bytes(b"no zstandard")
    done = rollhouse(*build)
    assert done.returncode == 0, done.stderr
    assert f" {len(GROWN)} bytes in 1 line of " in done.stdout
    problem = "rollout-2026-11-22T00-00-00-x.jsonl.zst: the file is damaged or incomplete\n"
    assert f"  Problem    {codex}/sessions/{problem}" in done.stdout

    done = rollhouse(*build)
    assert done.stdout.startswith("Up to date: ")
    assert problem in done.stdout


def test_folder_without_sessions(
    rollhouse: Rollhouse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    home = tmp_path / "home"
    with Build(settings_for(home, tmp_path / "empty")) as work, BuildConsole() as console:
        work.progress = console
        console.result(run(work), work)
    assert f"no file of a known kind in {tmp_path}/empty\n" in capsys.readouterr().out
    assert rollhouse("summary", "--home", home).stdout.startswith("No sessions.")
    status = json.loads(rollhouse("status", "--home", home, "--json").stdout)
    assert status["sources"] == []
    assert status["freshness"]["last_line_at"] is None
    usage = json.loads(rollhouse("usage", "--home", home, "--json").stdout)
    assert usage["usage"]["total_tokens"] is None
    block = json.loads(rollhouse("summary", "--home", home, "--json").stdout)
    assert (block["closed_tasks"], block["total_cost_usd"], block["success_rate"]) == (0, 0, None)


def test_emptied_folder(tmp_path: Path) -> None:
    """That its sources are missing is told all the more."""
    work = Build(settings_for(tmp_path / "home", tmp_path))
    work.plan = Plan(missing=7)
    told = f"no file of a known kind in {tmp_path}, 7 missing (their rows are kept)"
    assert console._sources(work) == told


HEAVY = {"duckdb", "pyarrow", "dagster", "polars", "rich", "yaml", "altair", "great_tables"}

PARSING = {"warehouse.contracts", "warehouse.parsing", "warehouse.sources.codex.router"}


def test_up_to_date_build_loads_no_heavy_library(
    published: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """`nothing changed` must be said within half a second, Python's own start included."""
    home = tmp_path / "home"
    shutil.copytree(published.home, home, symlinks=True)
    arguments = ["rollhouse", "build", "--home", str(home)]
    for source in published.sources:
        arguments += ["--source", f"{source.kind}:{source.path}"]
    code = (
        "import sys\n"
        "from warehouse.cli import main\n"
        f"sys.argv = {arguments!r}\n"
        "try:\n    main()\n"
        "finally:\n    print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("Up to date: nothing changed in "), done.stderr
    loaded = set(done.stderr.split())
    assert "warehouse.sources.codex.discovery" in loaded
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()
    assert loaded & PARSING == set()
