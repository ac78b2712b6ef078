"""Fixtures of the ledger tests: logs with the block of the reference, and replays in memory.

A replay here goes through the real parser, contracts and SQL models, but not through the lake
and its files: the tests in test_source.py show that those change nothing.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse import resources
from warehouse.contracts import lake_tables
from warehouse.models import Model, create_empty, load_models, run_macros, run_model
from warehouse.parsing import to_batch
from warehouse.sources.ledger.lines import LedgerParser

DATA = Path(__file__).parents[1] / "data"
ABOUT_THREADS = ("usage", "sessions")  # empty here

Row = dict[str, Any]


class Replay:
    """Ledgers, read and run through all goal models; `rows` asks for a table's rows."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("SET TimeZone = 'UTC'")
        run_macros(resources.sql_folder(), self.connection)
        create_empty(lake_tables().values(), self.connection)
        create_empty((_models()[name].table for name in ABOUT_THREADS), self.connection)

    def read(
        self, content: bytes, label: str | None = None, path: str = "/p/metrics/events.ndjson"
    ) -> str:
        """Parse a ledger's complete lines into the tables; returns its source id."""
        lines = content.split(b"\n")[:-1]
        rows: dict[str, list[tuple[object, ...]]] = {name: [] for name in lake_tables()}
        LedgerParser().parse(lines, 1, 0, rows)
        source_id = f"ledger-{path}"
        for name, found in rows.items():
            if found:
                batch = to_batch(found, [source_id] * len(found), lake_tables()[name].arrow_schema)
                columns = ", ".join(column.name for column in lake_tables()[name].published)
                self.connection.register("batch", batch)
                self.connection.execute(f"INSERT INTO {name} SELECT {columns} FROM batch")
                self.connection.unregister("batch")
        self.connection.execute(
            "INSERT INTO raw_sources BY NAME SELECT ? AS source_id, 'ledger' AS kind, "
            "? AS label, ? AS path, 'present' AS state, ? AS lines, ? AS rejected_lines, "
            "FALSE AS is_archived, FALSE AS is_compressed, 0 AS size_bytes, now() AS modified_at, "
            "'' AS content_hash, 0 AS bytes_read, 0 AS deferred_bytes, current_date AS day, "
            "1 AS generation, 1 AS parser_version",
            [source_id, label, path, len(lines), len(rows["parsed_rejects"])],
        )
        return source_id

    def run(self) -> Replay:
        for model in _goal_models():
            run_model(model, self.connection)
        return self

    def rows(self, sql: str) -> list[Row]:
        cursor = self.connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@cache
def _models() -> dict[str, Model]:
    return {model.name: model for model in load_models(resources.sql_folder())}


@cache
def _goal_models() -> list[Model]:
    """The models that rest on ledgers, and on nothing else but usage and sessions, in order."""
    found: dict[str, Model] = {}
    for model in _models().values():
        of_ledgers = {name for name in model.references if name.startswith("parsed_ledger_")}
        there = lake_tables().keys() | found.keys() | set(ABOUT_THREADS)
        if model.references <= there and (of_ledgers or model.references & found.keys()):
            found[model.name] = model
    return list(found.values())


@pytest.fixture
def replay() -> Iterator[Callable[..., Replay]]:
    """Replays one ledger (its text or bytes), or several as label -> content."""
    made: list[Replay] = []

    def run(*ledgers: str | bytes, **labelled: str | bytes) -> Replay:
        new = Replay()
        made.append(new)
        for number, content in enumerate(ledgers):
            new.read(_bytes(content), None, f"/p{number}/metrics/events.ndjson")
        for label, content in labelled.items():
            new.read(_bytes(content), label, f"/{label}/metrics/events.ndjson")
        return new.run()

    yield run
    for each in made:
        each.connection.close()


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`<name>.ndjson` and what the reference made of it, `<name>.summary.json`."""
    folder = tmp_path_factory.mktemp("ledgers")
    with tarfile.open(DATA / "ledgers.tar.xz") as packed:
        packed.extraction_filter = tarfile.data_filter
        packed.extractall(folder)
    return folder
