"""The recorder: programs do not notice it, and captures hold what passed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sources.parsed import parse
from warehouse import capture
from warehouse.capture import CaptureError, Recorder
from warehouse.sources.app_server import AppServerSource

ECHO = (
    "import os, sys\n"
    "while piece := os.read(0, 65536):\n"
    "    sys.stdout.buffer.write(piece)\n"
    "    sys.stdout.buffer.flush()\n"
)
RUN = (
    "import sys; from pathlib import Path; from warehouse.capture import run; "
    "sys.exit(run(sys.argv[3:], Path(sys.argv[1]), sys.argv[2] == 'content'))"
)


def recorded(
    out: Path, *command: str, content: bool = False, **options: Any
) -> subprocess.Popen[bytes]:
    """The recorder as a process of its own, with pipes to it."""
    mode = "content" if content else "sizes"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(out), mode, *command], **{**pipes, **options}
    )


def python(code: str) -> tuple[str, str, str]:
    return sys.executable, "-c", code


def lines_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def wait_for(holds: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.02)


def test_both_ways_are_passed_on_and_written_down(tmp_path: Path) -> None:
    out = tmp_path / "capture.jsonl"
    message = {"id": 1, "method": "thread/read", "params": {"threadId": "t", "text": "größe"}}
    line = json.dumps(message).encode() + b"\n"
    program = recorded(out, *python(ECHO))
    said, errors = program.communicate(line + b"\n" + b"no json\n" + b'{"cut":', timeout=30)
    assert (program.returncode, said, errors) == (0, line + b"\nno json\n" + b'{"cut":', b"")
    assert out.stat().st_mode & 0o777 == 0o600
    written = lines_of(out)
    for way in ("out", "in"):
        first, second, third = [entry for entry in written if entry["dir"] == way]
        assert first["msg"] == {
            "id": 1,
            "method": "thread/read",
            "params": {"threadId": "t", "text": {"bytes": 7, "chars": 5}},
        }
        assert (second["bytes"], third["bytes"]) == (7, 7)
    assert "größe" not in out.read_text(encoding="utf-8")


def test_content_is_written_only_when_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "capture.jsonl"
    line = b'{"id": 1,  "result": {"text": "gr\xc3\xb6\xc3\x9fe"}}\r\n'
    recorded(out, *python(ECHO), content=True).communicate(line, timeout=30)
    sent, got = sorted(lines_of(out), key=lambda entry: str(entry["dir"]), reverse=True)
    assert (sent["dir"], got["dir"]) == ("out", "in")
    assert sent["msg"] == got["msg"] == {"id": 1, "result": {"text": "größe"}}
    assert b'"msg":{"id": 1,  "result"' in out.read_bytes()  # as it was written


def test_the_command_line_runs_it(tmp_path: Path) -> None:
    out = tmp_path / "capture.jsonl"
    command = [sys.executable, "-m", "warehouse", "capture", "--out", str(out), "--"]
    done = subprocess.run(
        [*command, *python(f"{ECHO}sys.exit(5)\n")],
        input=b'{"id":1,"method":"a"}\n',
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (5, b'{"id":1,"method":"a"}\n')
    assert len(lines_of(out)) == 2


def test_any_bytes_pass_unchanged(tmp_path: Path) -> None:
    content = os.urandom(3 << 20) + b"\n" * 1000 + os.urandom(70_000)
    program = recorded(tmp_path / "capture.jsonl", *python(ECHO))
    said, _ = program.communicate(content, timeout=60)
    assert said == content


def test_a_capture_can_be_read_as_a_stream(tmp_path: Path, streams: Path) -> None:
    """A program that answers as the recorded server did, in both directions."""
    recording = streams / "as_goals/app_server/s1.captured.jsonl"
    exchange = [json.loads(line) for line in recording.read_text(encoding="utf-8").splitlines()]
    server = tmp_path / "server.jsonl"
    server.write_text(
        "".join(json.dumps(e["msg"]) + "\n" for e in exchange if e["dir"] == "in"), "utf-8"
    )
    client = "".join(json.dumps(e["msg"]) + "\n" for e in exchange if e["dir"] == "out")
    out = tmp_path / "capture.jsonl"
    code = f"import sys; sys.stdin.read(); sys.stdout.write(open({str(server)!r}).read())"
    recorded(out, *python(code)).communicate(client.encode(), timeout=60)
    rows = parse(AppServerSource(), out.read_bytes())
    assert rows["parsed_rejects"] == []
    assert len(rows["parsed_app_server"]) == len(exchange)
    assert all(row["recorded_at"] for row in rows["raw_lines"])


def test_lines_are_written_while_the_program_runs(tmp_path: Path) -> None:
    out = tmp_path / "capture.jsonl"
    program = recorded(out, *python(ECHO))
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(b'{"id": 1, "method": "a"}\n')
    program.stdin.flush()
    assert program.stdout.readline() == b'{"id": 1, "method": "a"}\n'
    wait_for(lambda: out.exists() and out.read_bytes().count(b"\n") == 2)
    program.stdin.close()  # the end of the client's input is the program's
    assert program.wait(30) == 0
    program.stdout.close()
    assert program.stderr is not None
    program.stderr.close()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit(7)", 7),
        ("raise SystemExit(255)", 255),
        ("import os; os.kill(os.getpid(), 15)", 128 + 15),
        ("import os; os.kill(os.getpid(), 9)", 128 + 9),
    ],
)
def test_the_exit_code_is_the_program_s(tmp_path: Path, code: str, expected: int) -> None:
    program = recorded(tmp_path / "capture.jsonl", *python(code))
    program.communicate(b"", timeout=30)
    assert program.returncode == expected


def test_programs_that_cannot_run(tmp_path: Path) -> None:
    out = tmp_path / "capture.jsonl"
    missing = recorded(out, "no-such-program-anywhere")
    _, errors = missing.communicate(timeout=30)
    assert (missing.returncode, errors) == (
        127,
        b"rollhouse: there is no program no-such-program-anywhere\n",
    )
    plain = tmp_path / "plain.txt"
    plain.write_text("no program")
    forbidden = recorded(out, str(plain))
    _, errors = forbidden.communicate(timeout=30)
    assert (forbidden.returncode, b"Permission denied" in errors) == (126, True)


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2],
)
def test_signals_are_passed_on(tmp_path: Path, number: signal.Signals) -> None:
    code = (
        "import signal, sys, time\n"
        "def heard(number, frame):\n"
        "    print(number, flush=True)\n"
        "    sys.exit(3)\n"
        f"signal.signal({int(number)}, heard)\n"
        "print('ready', flush=True)\n"
        "time.sleep(30)\n"
    )
    program = recorded(tmp_path / "capture.jsonl", *python(code), start_new_session=True)
    assert program.stdout is not None
    assert program.stdout.readline() == b"ready\n"
    program.send_signal(number)
    said, _ = program.communicate(timeout=30)
    assert (said, program.returncode) == (f"{int(number)}\n".encode(), 3)


def test_a_client_that_goes_away_ends_the_program(tmp_path: Path) -> None:
    code = "import time\nwhile True:\n    print('{}', flush=True)\n    time.sleep(0.01)\n"
    program = recorded(tmp_path / "capture.jsonl", *python(code))
    assert program.stdout is not None
    assert program.stdout.readline() == b"{}\n"
    program.stdout.close()
    assert program.wait(30) != 0
    for pipe in (program.stdin, program.stderr):
        assert pipe is not None
        pipe.close()


def test_a_program_that_takes_no_more_input_goes_on(tmp_path: Path) -> None:
    code = (
        "import os, sys, time\n"
        "os.close(0)\nprint('closed', flush=True)\ntime.sleep(0.5)\nprint('done')\n"
    )
    program = recorded(tmp_path / "capture.jsonl", *python(code))
    said, _ = program.communicate(b"x\n" * 500_000, timeout=30)
    assert (said, program.returncode) == (b"closed\ndone\n", 0)


def test_a_client_with_nothing_to_say_yet_has_not_ended(tmp_path: Path) -> None:
    """Its own non-blocking pipe has nothing to read at first."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    program = recorded(
        tmp_path / "capture.jsonl", *python(f"print(flush=True)\n{ECHO}"), stdin=read
    )
    os.close(read)
    assert program.stdout is not None
    assert program.stdout.readline() == b"\n"
    time.sleep(0.1)
    os.write(write, b"{}\n")
    os.close(write)
    said, _ = program.communicate(timeout=30)
    assert (said, program.returncode) == (b"{}\n", 0)


def test_a_program_s_own_child_may_outlive_it(tmp_path: Path) -> None:
    """A daemon that holds on to stdout does not keep the recorder."""
    code = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'])\n"
        "print('started', flush=True)\nraise SystemExit(4)\n"
    )
    program = recorded(tmp_path / "capture.jsonl", *python(code), stderr=subprocess.DEVNULL)
    assert program.stdin is not None
    program.stdin.close()
    began = time.monotonic()
    assert program.wait(15) == 4
    assert time.monotonic() - began < 10
    assert program.stdout is not None
    program.stdout.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_ends_the_capture_and_nothing_else(tmp_path: Path) -> None:
    program = recorded(Path("/dev/full"), *python(ECHO))
    content = b'{"id":1,"method":"a"}\n' * 1000
    said, errors = program.communicate(content, timeout=30)
    assert (said, program.returncode) == (content, 0)
    assert errors == b"rollhouse: the capture is incomplete: No space left on device\n"


def test_a_capture_that_cannot_be_written_is_told_before_anything_starts(tmp_path: Path) -> None:
    marker = tmp_path / "started"
    with pytest.raises(CaptureError, match="cannot be written"):
        capture.run([*python(f"open({str(marker)!r}, 'w')")], tmp_path / "no" / "folder.jsonl")
    assert not marker.exists()
    with pytest.raises(CaptureError, match="name the program"):
        capture.run([], tmp_path / "capture.jsonl")


def test_a_folder_gets_a_capture_for_each_run(tmp_path: Path) -> None:
    recorded(tmp_path, *python(ECHO)).communicate(b'{"id":1,"method":"a"}\n', timeout=30)
    (out,) = tmp_path.glob("app-server-*.jsonl")
    assert len(lines_of(out)) == 2


def test_recorders_that_run_at_once_do_not_share_a_file(tmp_path: Path) -> None:
    """Each holds the first connection's ids: in one file, answers would be those of the other."""
    out = tmp_path / "capture.jsonl"
    first = recorded(out, *python(f"print(flush=True)\n{ECHO}"))
    assert first.stdout is not None
    assert first.stdout.readline() == b"\n"  # it has its file
    second = recorded(out, *python(ECHO))
    second.communicate(b'{"id":1,"method":"b"}\n', timeout=30)
    first.communicate(b'{"id":1,"method":"a"}\n', timeout=30)
    beside = tmp_path / f"capture-{second.pid}.jsonl"
    assert {line["msg"]["method"] for line in lines_of(out)} == {"a"}
    assert {line["msg"]["method"] for line in lines_of(beside)} == {"b"}
    recorded(out, *python(ECHO)).communicate(b'{"id":1,"method":"c"}\n', timeout=30)
    assert [line["msg"]["method"] for line in lines_of(out)] == ["a", "a", "c", "c"]


def test_a_capture_is_continued_after_a_cut_line(tmp_path: Path) -> None:
    out = tmp_path / "capture.jsonl"
    out.write_bytes(b'{"ts":"2026-11-21T11:33:43.769Z","dir":"in","ms')
    recorded(out, *python("print('{}')")).communicate(b"", timeout=30)
    assert out.read_bytes().count(b"\n") == 2
    rows = parse(AppServerSource(), out.read_bytes())
    assert [row["rule"] for row in rows["parsed_rejects"]] == ["not_json", "not_a_message"]


def test_a_slow_disk_thins_the_capture_and_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "MAX_WAITING_BYTES", 100_000)
    slow, file = os.pipe()  # nobody reads: writing stops once the pipe is full
    recorder = Recorder(file, content=True)
    line = b'{"id":1,"method":"' + b"a" * 980 + b'"}\n'
    began = time.monotonic()
    for _ in range(1000):
        recorder.put("out", line)
    assert time.monotonic() - began < 5
    pieces: list[bytes] = []
    reader = os.fdopen(slow, "rb")
    drain = threading.Thread(target=lambda: pieces.append(reader.read()))
    drain.start()
    trouble = recorder.close()
    drain.join(10)
    reader.close()
    assert trouble is not None
    assert trouble.startswith("the capture lacks ")
    written = [json.loads(entry) for entry in pieces[0].splitlines()]
    assert 0 < len([entry for entry in written if "msg" in entry]) < 1000
    assert all("msg" in entry or "bytes" in entry for entry in written)


def test_of_a_line_too_long_to_hold_the_size_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "MAX_LINE_BYTES", 100_000)
    out = tmp_path / "capture.jsonl"
    recorder = Recorder(os.open(out, os.O_WRONLY | os.O_CREAT), content=False)
    start, end = b'{"id":1,"method":"a","text":"', b'"}'
    recorder.put("in", start)
    for _ in range(30):
        recorder.put("in", b"x" * 10_000)
    # the other way goes on meanwhile
    recorder.put("out", b'{"id":2,"method":"b"}\n')
    recorder.put("in", end + b'\n{"id":3,"method":"c"}\n' + start + b"x" * 99_000)
    recorder.put("in", end)  # cut before its end, but short enough
    assert recorder.close() is None
    written = lines_of(out)
    assert [entry.get("bytes") for entry in written] == [None, 300_031, None, None]
    assert [entry["msg"]["id"] for entry in written if "msg" in entry] == [2, 3, 1]
    assert written[-1]["msg"]["text"] == {"bytes": 99_000, "chars": 99_000}
    rows = parse(AppServerSource(), out.read_bytes())
    assert [row["rule"] for row in rows["parsed_rejects"]] == ["junk"]


def test_a_huge_message_passes_and_is_written(tmp_path: Path) -> None:
    out = tmp_path / "capture.jsonl"
    text = "größe" * 2_000_000
    line = json.dumps({"id": 1, "method": "a", "text": text}, ensure_ascii=False).encode() + b"\n"
    said, _ = recorded(out, *python(ECHO)).communicate(line, timeout=60)
    assert said == line
    sizes = {"bytes": 14_000_000, "chars": 10_000_000}
    assert [entry["msg"]["text"] for entry in lines_of(out)] == [sizes, sizes]
