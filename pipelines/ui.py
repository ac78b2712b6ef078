"""The Dagster UI: webserver and daemon as a child process, until Ctrl-C.

Belongs here: starting, telling where it is, ending it and all its children. Does not belong
here: the instance that it shows (instance.py), or what it loads (definitions.py).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pipelines
from pipelines.instance import dagster_home, open_instance, ui_lock
from warehouse.errors import UsageError
from warehouse.lake import Lake, LakeLockedError
from warehouse.settings import Settings

HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 30
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class UiError(UsageError):
    """The UI cannot be started; the message says why and what to do."""


def serve_ui(settings: Settings, port: int) -> int:
    """Serve until Ctrl-C (or SIGTERM); returns the exit code. Raises UiError if it cannot start."""
    _require_free(port)
    os.umask(0o077)  # logs and history are their owner's alone
    home = dagster_home(settings)
    with contextlib.suppress(LakeLockedError), Lake(settings.home).lock(), open_instance(settings):
        pass  # fails what a dead machine left; while a build runs, the next one does it
    try:
        with ui_lock(home) as lock, _ending_on_signals():
            return _serve(settings, home, port, lock)
    except BlockingIOError:
        raise UiError(
            f"the UI of {settings.home} is already running; use that one, or end it first"
        ) from None


def _serve(settings: Settings, home: Path, port: int, lock: int) -> int:
    log = home / "ui.log"
    with open(log, "wb") as output:
        child = subprocess.Popen(
            _command(port),
            cwd=home,  # where there is no other dagster.yaml or package to stumble over
            env={**os.environ, **environment(settings), "DAGSTER_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[lock],
            start_new_session=True,  # Ctrl-C reaches us, and we end it in order
        )
        try:
            print(f"Starting the Dagster UI (its log: {log}) ...", flush=True)
            while child.poll() is None and not _answers(port):
                time.sleep(0.2)
            if child.returncode is None:
                print(f"The Dagster UI is at http://{HOST}:{port} - Ctrl-C ends it.", flush=True)
                child.wait()
        except _Ending:
            print("Ending the Dagster UI ...", flush=True)
            return 0
        finally:
            _end(child)
    raise UiError(f"the Dagster UI ended by itself (code {child.returncode}); see {log}")


def environment(settings: Settings) -> dict[str, str]:
    """Settings as ROLLHOUSE_* variables, for processes that load them anew."""
    variables = {}
    for name, value in settings.model_dump(mode="json").items():
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            variables[f"ROLLHOUSE_{name.upper()}"] = text
    return variables


def _command(port: int) -> list[str]:
    folder = Path(pipelines.__file__).resolve().parent.parent
    return [
        *(sys.executable, "-W", "ignore::FutureWarning", "-m", "dagster", "dev"),
        *("--module-name", "pipelines.definitions", "--working-directory", str(folder)),
        *("--host", HOST, "--port", str(port), "--log-level", "warning"),
    ]


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UiError(
                f"port {port} on {HOST} cannot be used ({error.strerror}); choose another one "
                f"with --port, such as --port {port + 1}"
            ) from None


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


class _Ending(BaseException):
    """A signal asks to end."""


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Turn Ctrl-C, a closed terminal and SIGTERM into _Ending.

    Setting handlers also matters to the child: a signal that is ignored here (as a shell does
    for what it starts in the background) would be ignored there, and nothing would end it.
    """

    def end(_: int, __: FrameType | None) -> NoReturn:
        raise _Ending

    before = {name: signal.signal(name, end) for name in _SIGNALS}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End `dagster dev`, which ends its own children; then whatever is left of them."""
    for name in _SIGNALS:  # a second Ctrl-C must not leave processes behind
        signal.signal(name, signal.SIG_IGN)
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(SHUTDOWN_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
