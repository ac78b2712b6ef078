"""What right models give: order, references, stored rows, comments.

Belongs here: the runner's own behaviour on small made-up models. Does not belong here: the
real models (tests/sql), and refusals (test_errors.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import duckdb
import pytest

from warehouse.contracts import Table, lake_tables
from warehouse.models import INTERNAL, comment, create_empty, load_models, run_macros, run_model

Write = Callable[..., None]

HEADER = """/*
description: >
  Lines of
  each source.
grain: one row per source
key: [source_id]
columns: [source_id, lines]
scope: session
{more}*/
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, select: str, layer: str = "session", more: str = "") -> None:
        folder = tmp_path / layer
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.sql").write_text(HEADER.format(more=more) + select)

    return write


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with two sources of three and five lines."""
    with duckdb.connect() as connection:
        create_empty([lake_tables()["raw_sources"]], connection, not_null=False)
        connection.execute(
            "INSERT INTO raw_sources (source_id, lines) VALUES ('b', 3), ('a', 5), ('c', 4)"
        )
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, name: str) -> list[tuple[object, ...]]:
    return connection.execute(f"SELECT * FROM {name}").fetchall()


def test_models_come_after_what_they_read_and_by_layer(tmp_path: Path, write: Write) -> None:
    write("a_total", "SELECT source_id, lines FROM z_base", layer="summary")
    write("a_first", "SELECT source_id, lines FROM m_middle")
    write("m_middle", "SELECT source_id, lines FROM z_base")
    write("z_base", "SELECT source_id, lines FROM raw_sources")
    write("a_derived", "SELECT source_id, lines FROM raw_sources", layer="derived")
    assert [model.name for model in load_models(tmp_path)] == [
        "z_base",
        "m_middle",
        "a_first",
        "a_derived",
        "a_total",
    ]


@pytest.mark.parametrize(
    ("select", "read"),
    [
        ("SELECT source_id, lines FROM raw_lines JOIN raw_sources USING (source_id)", "both"),
        ("SELECT * FROM raw_sources WHERE source_id IN (SELECT source_id FROM raw_lines)", "both"),
        ("WITH raw_lines AS (SELECT 1) SELECT * FROM raw_sources, raw_lines", "raw_sources"),
        (
            "WITH raw_sources AS (SELECT * FROM raw_sources) SELECT * FROM raw_sources",
            "raw_sources",
        ),
        (
            "WITH RECURSIVE up AS (SELECT * FROM raw_sources UNION ALL SELECT * FROM up) "
            "SELECT * FROM up",
            "raw_sources",
        ),
        ("SELECT * FROM (WITH x AS (FROM raw_lines) FROM x), raw_sources", "both"),
        ("SELECT * FROM raw_sources UNION ALL SELECT * FROM raw_lines", "both"),
        ("SELECT 'FROM raw_lines' -- FROM raw_lines\nFROM raw_sources", "raw_sources"),
    ],
)
def test_references(tmp_path: Path, write: Write, select: str, read: str) -> None:
    write("model", select)
    (model,) = load_models(tmp_path)
    assert model.references == ({"raw_lines", "raw_sources"} if read == "both" else {read})


def test_rows_are_stored_by_key(
    tmp_path: Path, write: Write, connection: duckdb.DuckDBPyConnection
) -> None:
    write("model", "SELECT source_id, lines FROM raw_sources -- without end")
    (model,) = load_models(tmp_path)
    assert run_model(model, connection) == 3
    assert rows(connection, "model") == [("a", 5), ("b", 3), ("c", 4)]


def test_rows_are_stored_as_the_header_sorts_them(
    tmp_path: Path, write: Write, connection: duckdb.DuckDBPyConnection
) -> None:
    write("model", "SELECT source_id, lines FROM raw_sources", more="sort: [lines DESC]\n")
    (model,) = load_models(tmp_path)
    run_model(model, connection)
    assert rows(connection, "model") == [("a", 5), ("c", 4), ("b", 3)]


def test_internal_model_is_not_part_of_the_file(
    tmp_path: Path, write: Write, connection: duckdb.DuckDBPyConnection
) -> None:
    write("model", "SELECT source_id, lines FROM raw_sources", more="internal: true\n")
    (model,) = load_models(tmp_path)
    connection.execute(f"ATTACH '{tmp_path}/file.duckdb' AS published")
    connection.execute("CREATE TABLE published.raw_sources AS FROM raw_sources")
    connection.execute(f"SET search_path = 'published.main,{INTERNAL}'")
    assert run_model(model, connection) == 3
    assert connection.execute(
        "SELECT database_name FROM duckdb_tables() WHERE table_name = 'model'"
    ).fetchall() == [("memory",)]


def test_model_uses_macros(
    tmp_path: Path, write: Write, connection: duckdb.DuckDBPyConnection
) -> None:
    (tmp_path / "macros").mkdir()
    (tmp_path / "macros" / "twice.sql").write_text("CREATE TEMP MACRO twice(n) AS n * 2;")
    write("model", "SELECT source_id, twice(lines) AS lines FROM raw_sources")
    (model,) = load_models(tmp_path)
    run_macros(tmp_path, connection)
    run_model(model, connection)
    assert rows(connection, "model") == [("a", 10), ("b", 6), ("c", 8)]


def test_comments_come_from_the_contract(
    tmp_path: Path, write: Write, connection: duckdb.DuckDBPyConnection
) -> None:
    write("model", "SELECT source_id, lines FROM raw_sources")
    (model,) = load_models(tmp_path)
    run_model(model, connection)
    comment([model.table], connection)
    assert connection.execute(
        "SELECT comment FROM duckdb_tables() WHERE table_name = 'model'"
    ).fetchone() == ("Lines of each source. One row per source.",)
    comments = dict(
        connection.execute(
            "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'model'"
        ).fetchall()
    )
    assert comments == {column.name: column.comment for column in model.table.columns}
    assert comments["lines"].startswith("Complete lines read")


def test_only_comments_that_differ_are_written(
    tmp_path: Path, write: Write, connection: duckdb.DuckDBPyConnection
) -> None:
    write("model", "SELECT source_id, lines FROM raw_sources")
    (model,) = load_models(tmp_path)
    run_model(model, connection)
    comment([model.table], connection)
    connection.execute("COMMENT ON COLUMN model.lines IS 'an older meaning'")
    (written,) = comments_written(model.table, connection)
    assert written.startswith('BEGIN; COMMENT ON COLUMN model."lines" IS')
    assert written.count("COMMENT ON") == 1
    assert comments_written(model.table, connection) == []


def comments_written(table: Table, connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The texts with comments that `comment` executes."""
    executed = []

    class Recorder:
        def execute(self, statement: str) -> duckdb.DuckDBPyConnection:
            executed.append(statement)
            return connection.execute(statement)

    comment([table], cast(duckdb.DuckDBPyConnection, Recorder()))
    return [statement for statement in executed if "COMMENT ON" in statement]
