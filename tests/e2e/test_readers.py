"""Readers in other processes, while builds come and go: never an error, never two versions."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import msgspec
import pytest

from tests.e2e.builds import ROOT, Server
from tests.helpers import Codex, append, body
from warehouse.builds import BuildRecord, database_path
from warehouse.lake import Lake

BUILDS = 10

# Opens the published file again and again and tells what each look gave.
READER = """
import json, sys, time
import duckdb

print("ready", flush=True)
seen, looks = [], 0
while True:
    with duckdb.connect(sys.argv[1], read_only=True) as connection:
        ask = lambda sql: connection.execute(sql).fetchone()
        first = ask("SELECT max(generation), sum(lines) FROM raw_sources")
        lines = ask("SELECT count(*), max(line_number) FROM raw_lines")
        model = ask("SELECT max(generation), sum(lines) FROM sources_read")
        again = ask("SELECT max(generation), sum(lines) FROM raw_sources")
    looks += 1
    look = [*first, *lines, *model, *again]
    if look not in seen:
        seen.append(look)
    if first[0] == int(sys.argv[2]):
        break
    time.sleep(0.01)
print(json.dumps([looks, [[int(n) for n in look] for look in seen]]))
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "sql")
    yield server
    server.close()


def test_readers_see_whole_versions_only(tmp_path: Path, server: Server) -> None:
    codex = Codex(tmp_path / "codex")
    path = codex.write(1, 20)
    home = tmp_path / "home"
    assert server.build(home, codex.root, keep_builds=2)["error"] == ""
    file = database_path(Lake(home))
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(file), str(BUILDS + 1)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == b"ready\n"
    with duckdb.connect(file, read_only=True) as held:
        for number in range(BUILDS):
            append(path, body(1, 21 + number))
            assert server.build(home, codex.root, keep_builds=2)["error"] == ""
        # this one was opened before them all, and its file is long gone
        assert held.execute("SELECT max(generation), sum(lines) FROM raw_sources").fetchone() == (
            1,
            21,
        )
        assert held.execute("SELECT count(*) FROM raw_lines").fetchone() == (21,)
    out, err = reader.communicate(timeout=60)
    assert (reader.returncode, err) == (0, b"")
    looks, seen = msgspec.json.decode(out, type=tuple[int, list[list[int]]])
    assert looks >= len(seen) > 2
    generations = []
    for generation, lines, *others in seen:
        assert lines == 20 + generation
        assert others == [lines, lines, generation, lines, generation, lines]
        generations.append(generation)
    assert generations == sorted(generations)
    kept = sorted((home / "lake/builds").glob("*/build.json"))
    records = [msgspec.json.decode(path.read_bytes(), type=BuildRecord) for path in kept]
    assert sorted(record.generation for record in records) == [BUILDS, BUILDS + 1]
