"""What a wrong model is told: the file, the line, and what to change.

Belongs here: every way in which load_models and run_model refuse a model. Does not belong
here: what a right model gives (test_running.py, and tests/sql for the real ones).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from warehouse.contracts import lake_tables
from warehouse.models import ModelError, create_empty, load_models, run_macros, run_model

Write = Callable[..., Path]

HEADER = """/*
description: Lines of each source
grain: one row per source
key: [source_id]
columns: {columns}
scope: session
{more}*/
"""
SELECT = "SELECT source_id, lines\nFROM raw_sources\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a model into the folder tmp_path/<layer>; gives its path."""

    def write(
        name: str = "line_counts",
        select: str = SELECT,
        layer: str = "session",
        columns: str = "[source_id, lines]",
        more: str = "",
    ) -> Path:
        path = tmp_path / layer / f"{name}.sql"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEADER.format(columns=columns, more=more) + select)
        return path

    return write


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        create_empty(lake_tables().values(), connection)
        yield connection


def refused(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_models(folder)
    return str(caught.value)


def refused_to_run(folder: Path, connection: duckdb.DuckDBPyConnection) -> str:
    (model,) = load_models(folder)
    with pytest.raises(ModelError) as caught:
        run_model(model, connection)
    return str(caught.value)


# --- headers --------------------------------------------------------------------------------------


def test_file_without_header(tmp_path: Path) -> None:
    (tmp_path / "session").mkdir()
    path = tmp_path / "session" / "bare.sql"
    path.write_text(SELECT)
    assert refused(tmp_path) == (
        f"{path}, line 1: a model begins with a comment /* ... */ that holds YAML"
    )


def test_header_that_is_no_yaml(tmp_path: Path) -> None:
    (tmp_path / "session").mkdir()
    path = tmp_path / "session" / "broken.sql"
    path.write_text("/*\ndescription: a\nkey: [a\ncolumns: [a]\n*/\n" + SELECT)
    # the list that is not closed begins in line 3; YAML notices in the next
    assert refused(tmp_path).startswith(f"{path}, line 4: the header is not YAML: ")


@pytest.mark.parametrize("header", ["", "just a sentence", "- a list"])
def test_header_without_entries(tmp_path: Path, header: str) -> None:
    (tmp_path / "session").mkdir()
    path = tmp_path / "session" / "bare.sql"
    path.write_text(f"/*\n{header}\n*/\n{SELECT}")
    assert refused(tmp_path).startswith(f"{path}, line 1: the header holds no entries such as ")


def test_entry_that_is_missing(tmp_path: Path, write: Write) -> None:
    path = write()
    path.write_text(path.read_text().replace("grain: one row per source\n", ""))
    assert refused(tmp_path) == f"{path}, line 2: grain: Field required"


def test_entry_that_does_not_exist(tmp_path: Path, write: Write) -> None:
    path = write(more="sorted: [source_id]\n")
    assert refused(tmp_path).startswith(f"{path}, line 7: sorted: there is no such entry; known ")


def test_entry_that_does_not_exist_deep_inside(tmp_path: Path, write: Write) -> None:
    entry = "  - value: lines\n    covered: lines\n    total: lines\n    of: lines\n"
    path = write(more=f"coverage:\n{entry}")
    assert refused(tmp_path).startswith(f"{path}, line 11: coverage.0.of: there is no such entry")


def test_all_problems_at_once(tmp_path: Path, write: Write) -> None:
    path = write(more="sorted: [source_id]\n")
    path.write_text(path.read_text().replace("scope: session", "scope: galaxy"))
    scope, entry = refused(tmp_path).split("; ", 1)
    assert scope.startswith(f"{path}, line 6: scope: Input should be 'session', 'family'")
    assert entry.startswith(f"{path}, line 7: sorted: ")


def test_column_that_no_contract_describes(tmp_path: Path, write: Write) -> None:
    path = write(columns="\n  - source_id\n  - vibes")
    assert refused(tmp_path) == (
        f"{path}, line 7: no contract describes the column vibes; describe it in "
        "warehouse/contracts"
    )


def test_column_named_twice(tmp_path: Path, write: Write) -> None:
    path = write(columns="[source_id, lines, lines]")
    assert refused(tmp_path) == f"{path}, line 5: lines is named twice"


@pytest.mark.parametrize(
    ("columns", "more", "line", "entry"),
    [
        ("[lines]", "", 4, "key names source_id"),
        ("[source_id]", "sort: [source_id, lines DESC]\n", 7, "sort names lines"),
        (
            "[source_id, generation]",
            "coverage:\n  - {value: generation, covered: generation, total: lines}\n",
            8,
            "coverage names lines",
        ),
    ],
)
def test_entry_that_names_no_column(
    tmp_path: Path, write: Write, columns: str, more: str, line: int, entry: str
) -> None:
    path = write(columns=columns, more=more)
    assert refused(tmp_path) == f"{path}, line {line}: {entry}, which is no column"


# --- the SELECT -----------------------------------------------------------------------------------


def test_syntax_error_names_the_line_of_the_file(tmp_path: Path, write: Write) -> None:
    path = write(select="SELECT source_id, lines\nFORM raw_sources\n")
    message = refused(tmp_path)
    assert message.startswith(f"{path}, line 9: Parser Error: ")
    assert "LINE" not in message


def test_two_statements(tmp_path: Path, write: Write) -> None:
    path = write(select="SELECT 1 AS lines;\n\nSELECT 2 AS lines;\n")
    assert refused(tmp_path) == (
        f"{path}, line 10: a model is exactly one SELECT; this has 2 statements"
    )


@pytest.mark.parametrize("nothing", ["", "-- to do\n", ";\n"])
def test_no_statement(tmp_path: Path, write: Write, nothing: str) -> None:
    path = write(select=nothing)
    assert refused(tmp_path) == (
        f"{path}, line 8: a model is exactly one SELECT; this has 0 statements"
    )


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine AS SELECT 1",
        "INSERT INTO raw_sources VALUES (1)",
        "COPY raw_sources TO 'there'",
        "ATTACH 'there'",
        "SET threads = 1",
    ],
)
def test_statement_that_is_no_select(tmp_path: Path, write: Write, statement: str) -> None:
    path = write(select=statement)
    assert refused(tmp_path).startswith(
        f"{path}, line 8: a model is exactly one SELECT; DuckDB says: "
    )


def test_closing_semicolon_is_fine(tmp_path: Path, write: Write) -> None:
    write(select="SELECT source_id, lines FROM raw_sources ;  \n")
    (model,) = load_models(tmp_path)
    assert model.select == "SELECT source_id, lines FROM raw_sources"


# --- references -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("select", "line", "name"),
    [
        ("SELECT a.lines\nFROM raw_sources AS a\nINNER JOIN nowhere AS b USING (x)", 10, "nowhere"),
        ("SELECT (\n    SELECT max(x) FROM nowhere\n) AS lines", 9, "nowhere"),
        ("SELECT 1 AS é,\n    lines\nFROM raw_sources,\n    nowhere", 11, "nowhere"),
        ("WITH a AS (\n    SELECT 1\n)\nSELECT *\nFROM a\nCROSS JOIN main.a", 13, "main.a"),
        ("WITH a AS (\n    SELECT lines FROM b\n), b AS (SELECT 1)\nSELECT * FROM a", 9, "b"),
        ("SELECT 'FROM raw_sources'\nFROM \"Raw_Sources\"", 9, "Raw_Sources"),
    ],
    ids=["join", "subquery", "comma", "schema", "later CTE", "other spelling"],
)
def test_table_that_is_not_there(
    tmp_path: Path, write: Write, select: str, line: int, name: str
) -> None:
    path = write(select=select)
    assert refused(tmp_path) == f"{path}, line {line}: there is no table named {name}"


def test_reference_upwards(tmp_path: Path, write: Write) -> None:
    write("above", layer="derived")
    path = write("below", select="SELECT source_id, lines\nFROM above")
    assert refused(tmp_path) == (
        f"{path}, line 9: above belongs to the layer derived, above this model's layer session"
    )


def test_circle(tmp_path: Path, write: Write) -> None:
    a = write("a", select="SELECT source_id, lines FROM b")
    b = write("b", select="SELECT source_id, lines\nFROM c")
    c = write("c", select="SELECT source_id, lines\n\nFROM a")
    write("d", select="SELECT source_id, lines FROM a")
    message = refused(tmp_path)
    assert message.startswith("models refer to each other in a circle: ")
    for place in (f"{a}, line 8 reads b", f"{b}, line 9 reads c", f"{c}, line 10 reads a"):
        assert place in message
    assert "d.sql" not in message


def test_model_that_reads_itself(tmp_path: Path, write: Write) -> None:
    path = write("a", select="SELECT source_id, lines FROM a")
    assert refused(tmp_path) == (f"models refer to each other in a circle: {path}, line 8 reads a")


@pytest.mark.parametrize("layer", ["session", "derived"])
def test_name_that_is_taken(tmp_path: Path, write: Write, layer: str) -> None:
    path = write("raw_sources", layer=layer)
    assert refused(tmp_path) == f"{path}: there is another table named raw_sources"


def test_name_that_two_models_have(tmp_path: Path, write: Write) -> None:
    write("twin")
    path = write("twin", layer="summary")
    assert refused(tmp_path) == f"{path}: there is another table named twin"


# --- columns, as DuckDB sees them -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("select", "complaint"),
    [
        (
            "SELECT source_id FROM raw_sources",
            "line 5: the header declares lines, the SELECT lacks it",
        ),
        (
            "SELECT source_id, lines, path FROM raw_sources",
            "line 5: the SELECT has path, the header does not declare it",
        ),
        (
            "SELECT lines, source_id FROM raw_sources",
            "line 5: the SELECT's columns are in another order: lines, source_id",
        ),
        (
            "SELECT source_id, CAST(lines AS INTEGER) AS lines FROM raw_sources",
            "line 5: lines is INTEGER; its contract says BIGINT",
        ),
        (
            "SELECT source_id, sum(lines) AS lines FROM raw_sources GROUP BY source_id",
            "line 5: lines is HUGEINT; its contract says BIGINT",
        ),
    ],
)
def test_columns_other_than_declared(
    tmp_path: Path,
    write: Write,
    connection: duckdb.DuckDBPyConnection,
    select: str,
    complaint: str,
) -> None:
    path = write(select=select)
    assert refused_to_run(tmp_path, connection) == f"{path}, {complaint}"


def test_wrong_type_names_the_line_of_the_column(
    tmp_path: Path, write: Write, connection: duckdb.DuckDBPyConnection
) -> None:
    path = write(columns="\n  - source_id\n  - lines", select="SELECT 'a' AS source_id, 1 AS lines")
    assert refused_to_run(tmp_path, connection).startswith(f"{path}, line 7: lines is INTEGER")


def test_column_that_a_table_lacks(
    tmp_path: Path, write: Write, connection: duckdb.DuckDBPyConnection
) -> None:
    path = write(select="SELECT source_id,\n    rows AS lines\nFROM raw_sources")
    message = refused_to_run(tmp_path, connection)
    assert message.startswith(f"{path}, line 9: Binder Error: ")
    assert "rows" in message


@pytest.mark.parametrize("more", ["", "internal: true\n"])
def test_value_that_cannot_be_computed(
    tmp_path: Path, write: Write, connection: duckdb.DuckDBPyConnection, more: str
) -> None:
    path = write(select="SELECT 'a' AS source_id, CAST(error('no') AS BIGINT) AS lines", more=more)
    assert refused_to_run(tmp_path, connection).startswith(f"{path}: Invalid Input Error: no")


def test_too_little_memory_names_the_setting(tmp_path: Path, write: Write) -> None:
    select = (
        "SELECT string_agg(CAST(n AS VARCHAR), '') AS source_id, count(*) AS lines "
        "FROM range(10_000_000) AS t(n)"
    )
    path = write(select=select)
    with duckdb.connect(config={"memory_limit": "20MB", "temp_directory": ""}) as small:
        create_empty(lake_tables().values(), small)
        message = refused_to_run(tmp_path, small)
    assert message.startswith(f"{path}: Out of Memory Error")
    assert message.endswith("the setting memory_limit allows more")


def test_macro_that_is_wrong(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "macros").mkdir()
    path = tmp_path / "macros" / "broken.sql"
    path.write_text("CREATE TEMP MACRO a(x) AS x + 1;\n\nCREATE TEMP MACRO b(x) IS x;\n")
    with pytest.raises(ModelError, match=re.escape(f"{path}, line 3: Parser Error: ")):
        run_macros(tmp_path, connection)
