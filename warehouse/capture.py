"""A recorder between a client and the app-server that it starts: `rollhouse capture`.

Belongs here: starting the program, passing bytes both ways untouched, and writing down what
passed. Does not belong here: what may be written of a message (redaction.py), and reading
the capture (sources/app_server).

The program must not notice: bytes are passed on before anything else happens, a thread of its
own writes the capture, and whatever goes wrong there (a full disk, a slow one) ends or thins
the capture and nothing else. Signals are passed on, the exit code is the program's.

Each line of the capture is `{"ts": ..., "dir": "out" or "in", "msg": ...}`, seen from the
client; a line that is no JSON, or too long, has `bytes` in place of `msg`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import msgspec

from warehouse.errors import UsageError
from warehouse.redaction import redacted

CHUNK_BYTES = 1 << 16
MAX_WAITING_BYTES = 64 << 20  # more than this unwritten is dropped
MAX_LINE_BYTES = 64 << 20  # of a longer line only its size is written
LINGER_SECONDS = 0.5  # what a program's own children may still say after its end
NOT_FOUND, NOT_EXECUTABLE = 127, 126  # as shells have it

_PASSED_ON = (
    *(signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT),
    *(signal.SIGUSR1, signal.SIGUSR2),
)
_OF_THE_TERMINAL = (signal.SIGINT, signal.SIGQUIT)  # the whole foreground group gets these


class CaptureError(UsageError):
    """The capture cannot be written; the message says where and why."""


def run(command: list[str], out: Path | str, content: bool = False) -> int:
    """Run `command` with our own stdin, stdout and stderr; record what passes to `out`.

    `out` is a file (appended to; while another recorder does, one beside it is) or a folder (in
    which a new one is made); what ends in a slash is a folder, and made where it is missing.
    Returns the exit code to end with: the program's, or 128 and the signal that ended it. Raises
    CaptureError before anything is started if `out` cannot be written.
    """
    if not command:
        raise CaptureError(
            "name the program, as in: rollhouse capture --out captures/ -- codex app-server"
        )
    recorder = Recorder(_open(out), content)
    try:
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    except FileNotFoundError:
        print(f"rollhouse: there is no program {command[0]}", file=sys.stderr)
        recorder.close()
        return NOT_FOUND
    except OSError as problem:
        print(f"rollhouse: {command[0]} cannot be run: {problem.strerror}", file=sys.stderr)
        recorder.close()
        return NOT_EXECUTABLE
    with _signals_to(program):
        code = _pass_on(program, recorder)
    if (trouble := recorder.close()) is not None:
        print(f"rollhouse: {trouble}", file=sys.stderr)
    return code if code >= 0 else 128 - code


def _open(place: Path | str) -> int:
    """A descriptor to append whole lines to."""
    out = Path(place)
    try:
        if str(place).endswith("/"):
            out.mkdir(parents=True, exist_ok=True)
        if out.is_dir():
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
            out = out / f"app-server-{stamp}-{os.getpid()}.jsonl"
        file = _appendable(out)
        if _is_taken(file):  # ids count within a connection: two would be told as one
            os.close(file)
            out = out.with_name(f"{out.stem}-{os.getpid()}{out.suffix}")
            file = _appendable(out)
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            os.write(file, b"\n")  # a capture that was cut stays a line of its own
    except OSError as problem:
        raise CaptureError(f"the capture {out} cannot be written: {problem.strerror}") from None
    return file


def _appendable(out: Path) -> int:
    return os.open(out, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)


def _is_taken(file: int) -> bool:
    """Whether another recorder is writing to the file; from now on we are."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    return False


# --- passing on -------------------------------------------------------------------------------


def _pass_on(program: subprocess.Popen[bytes], recorder: Recorder) -> int:
    """Pass bytes both ways until the program has ended and said all; gives its return code."""
    assert program.stdin is not None
    assert program.stdout is not None
    inward = threading.Thread(
        target=_pump, args=(0, program.stdin.fileno(), recorder, "out"), daemon=True
    )
    inward.start()
    source = program.stdout.fileno()
    while True:
        ready, _, _ = select.select([source], [], [], LINGER_SECONDS)
        if not ready:
            if program.poll() is not None:
                break  # ended; who still holds its stdout says nothing more
            continue
        chunk = os.read(source, CHUNK_BYTES)
        if not chunk:
            break
        if not _write_all(1, chunk):
            program.stdout.close()  # nobody listens any more: let the program see that
            break
        recorder.put("in", chunk)
    return program.wait()


def _pump(source: int, target: int, recorder: Recorder, way: str) -> None:
    """Pass on what the client says; the end of its input is the end of the program's."""
    with contextlib.suppress(OSError):
        while chunk := _read(source):
            if not _write_all(target, chunk):
                os.close(source)  # the program takes no more: let the client see that
                break
            recorder.put(way, chunk)
    with contextlib.suppress(OSError):
        os.close(target)


def _read(source: int) -> bytes:
    """What came next; nothing at the end."""
    while True:
        try:
            return os.read(source, CHUNK_BYTES)
        except BlockingIOError:  # a client's own non-blocking pipe
            select.select([source], [], [])


def _write_all(target: int, chunk: bytes) -> bool:
    """Whether all bytes were taken; False once nobody reads them."""
    rest = memoryview(chunk)
    while rest:
        try:
            rest = rest[os.write(target, rest) :]
        except OSError as problem:
            if problem.errno in (errno.EPIPE, errno.EBADF, errno.ECONNRESET):
                return False
            if problem.errno != errno.EAGAIN:
                raise
            select.select([], [target], [])  # a client's own non-blocking pipe
    return True


@contextlib.contextmanager
def _signals_to(program: subprocess.Popen[bytes]) -> Iterator[None]:
    """Signals that we get are the program's."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def pass_on(number: int, _: FrameType | None) -> None:
        if number in _OF_THE_TERMINAL and _is_in_foreground():
            return  # the terminal has sent it to the program as well
        with contextlib.suppress(OSError):
            program.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_in_foreground() -> bool:
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            return os.tcgetpgrp(descriptor) == os.getpgrp()
    return False


# --- writing down -----------------------------------------------------------------------------


class _Line:
    """A line that has not ended yet: its pieces, unless they are too many, and its size."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > MAX_LINE_BYTES:
            self._pieces.clear()
        elif piece:
            self._pieces.append(piece)

    def end(self) -> tuple[int, bytes | None]:
        """Size and content (None of one that is too long); the next line begins."""
        size, content = self.size, b"".join(self._pieces)
        self.size = 0
        self._pieces.clear()
        return size, None if size > MAX_LINE_BYTES else content


class Recorder:
    """Writes lines of a capture in a thread of its own; `put` never waits."""

    def __init__(self, file: int, content: bool) -> None:
        self._file = file
        self._content = content
        self._chunks: queue.SimpleQueue[tuple[str, float, bytes] | None] = queue.SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()
        self._unfinished = {"in": _Line(), "out": _Line()}
        self._lost = 0
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def put(self, way: str, chunk: bytes) -> None:
        """Note bytes that passed just now."""
        with self._lock:
            if self._waiting + len(chunk) > MAX_WAITING_BYTES:
                self._lost += len(chunk)
                chunk = b"\n"  # what is left of its first and last line is no message
            self._waiting += len(chunk)
        self._chunks.put((way, time.time(), chunk))

    def close(self) -> str | None:
        """Write what is waiting; gives what went wrong, for a message."""
        self._chunks.put(None)
        self._thread.join()
        with contextlib.suppress(OSError):
            os.close(self._file)
        if self._trouble is not None:
            return f"the capture is incomplete: {self._trouble}"
        if self._lost:
            return f"the capture lacks {self._lost} bytes, which came faster than they were written"
        return None

    def _write(self) -> None:
        at = time.time()
        while (entry := self._chunks.get()) is not None:
            way, at, chunk = entry
            with self._lock:
                self._waiting -= len(chunk)
            if self._trouble is None:
                self._lines(way, at, chunk)
        for way, line in self._unfinished.items():
            self._line(way, at, *line.end())

    def _lines(self, way: str, at: float, chunk: bytes) -> None:
        *ends, rest = chunk.split(b"\n")
        line = self._unfinished[way]
        for end in ends:
            line.add(end)
            self._line(way, at, *line.end())
        line.add(rest)

    def _line(self, way: str, at: float, size: int, line: bytes | None) -> None:
        if self._trouble is not None or (line is not None and not line.strip()):
            return
        try:
            written = (
                _unread(way, at, size) if line is None else entry(way, at, line, self._content)
            )
            _append(self._file, written + b"\n")
        except OSError as problem:
            self._trouble = problem.strerror or type(problem).__name__


def entry(way: str, at: float, line: bytes, content: bool) -> bytes:
    """A line of the capture for a line that passed."""
    try:
        message = msgspec.json.decode(line)
        if not isinstance(message, dict):
            raise ValueError("no message")
        body = line.strip() if content else msgspec.json.encode(redacted(message))
    except (ValueError, RecursionError, OverflowError):  # msgspec's errors are ValueErrors
        return _unread(way, at, len(line))
    return _head(way, at) + b'"msg":' + body + b"}"


def _unread(way: str, at: float, size: int) -> bytes:
    """A line of the capture for one that is no message, or too long to be held."""
    return _head(way, at) + b'"bytes":%d}' % size


def _head(way: str, at: float) -> bytes:
    stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return f'{{"ts":"{stamp.replace("+00:00", "Z")}","dir":"{way}",'.encode()


def _append(file: int, line: bytes) -> None:
    """One line in one write, so that a reader never sees half of one for long."""
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(file, rest) :]
