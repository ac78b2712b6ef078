"""Memory does not grow with a stream: most of it is deltas, which are counted and dropped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

THREAD, TURN = "01a1fde2-3b26-7130-82e9-d3ec059794e2", "01a1fde2-3e01-74c3-b73b-753701cb3d66"

# Reads a capture into a lake in this one process; prints its peak memory in KiB and its lines.
READ = """
import resource, sys
from pathlib import Path
from tests.helpers import Warehouse
from warehouse.scanning import Root

step = Warehouse(Path(sys.argv[1]), [Root("app-server", Path(sys.argv[2]), None)]).sync(jobs=0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, step.ingested.lines_parsed)
"""


def write_deltas(path: Path, megabytes: int) -> int:
    """A capture of that size, with junk in between and cut within its last line."""
    lines = 0
    with open(path, "wb") as file:
        while file.tell() < megabytes << 20:
            params = {
                "threadId": THREAD,
                "turnId": TURN,
                "itemId": f"msg_{lines // 500}",
                "delta": f"text {lines}\n" if lines % 3 else 'über "quoted"',
            }
            message = {"method": "item/agentMessage/delta", "params": params, "emittedAtMs": lines}
            wrapped = {"ts": "2026-11-21T11:33:43.769Z", "dir": "in", "msg": message}
            line = json.dumps(wrapped).encode() if lines % 1000 else b"junk that a program said"
            file.write(line + b"\n")
            lines += 1
        file.write(b'{"ts": "2026-11-21T11:33:43.769Z", "dir": "in", "msg": {"meth')
    return lines


@pytest.mark.slow
def test_memory_does_not_grow_with_the_stream(tmp_path: Path) -> None:
    peaks = []
    for megabytes in (8, 64):
        path = tmp_path / f"{megabytes}.jsonl"
        lines = write_deltas(path, megabytes)
        done = subprocess.run(
            [sys.executable, "-c", READ, str(tmp_path / f"lake{megabytes}"), str(path)],
            capture_output=True,
            check=True,
            text=True,
            cwd=Path(__file__).parent.parent.parent,
        )
        peak, parsed = map(int, done.stdout.split())
        assert parsed == lines
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 24 << 10, f"{peaks} KiB for 8 and 64 MiB of deltas"
