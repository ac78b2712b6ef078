"""The body of a worker process: tasks in, results out.

Belongs here: what one task comes to, in a worker or in the build's own process, the messages
between the two, and a worker's life. Does not belong here: who starts workers and hands out
tasks (workers.py), what tasks do (parsing.py, merging.py).

Of a worker's start and end a third was the garbage collector, which looks through what modules
make, and the interpreter taking itself apart: therefore the first and the last line.
"""

from __future__ import annotations

import gc

if __name__ == "__main__":
    gc.disable()  # also later: rows are many small tuples without cycles, collecting costs a fifth

import os
import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from warehouse.errors import RollhouseError
from warehouse.merging import MergeResult, MergeTask, run_merge
from warehouse.parsing import ParseResult, ParseTask, run_parse

Task = ParseTask | MergeTask
Result = ParseResult | MergeResult

# What goes through the socket; a tenth of what pickling thousands of ranges takes.
write = msgspec.msgpack.Encoder().encode
read_task = msgspec.msgpack.Decoder(Task).decode
read_result = msgspec.msgpack.Decoder(Result | str).decode


def run_task(task: Task) -> Result | str:
    """A task's result, or in what it failed."""
    try:
        return run_parse(task) if isinstance(task, ParseTask) else run_merge(task)
    except (RollhouseError, OSError) as error:
        return str(error)
    except Exception as error:
        # its text might quote a line: only where it arose is told
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = "" if trace is None else Path(trace.tb_frame.f_code.co_filename).name
        return f"{type(error).__name__} in {where}, line {trace.tb_lineno if trace else 0}"


def _serve(descriptor: int) -> None:
    """Results (or a failure's text) for tasks, until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    connection = Connection(descriptor)
    while True:
        try:
            task = read_task(connection.recv_bytes())
        except (EOFError, OSError):
            return
        try:
            connection.send_bytes(write(run_task(task)))
        except OSError:
            return


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
    os._exit(0)  # every file was closed with its task
