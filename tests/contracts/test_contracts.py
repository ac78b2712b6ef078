"""Contracts keep their own rules, and what is made from them agrees.

Belongs here: rules that hold for every column and table of every domain. Does not belong
here: the rows of any table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest

from warehouse import resources
from warehouse.contracts import LAYERS, ContractError, Table, lake_tables, model_table, vocabulary
from warehouse.contracts.base import Column, arrow_type
from warehouse.models import create_empty, load_models


@pytest.fixture(scope="module")
def tables() -> list[Table]:
    """All tables, of the lake and of models, internal ones too."""
    models = load_models(resources.sql_folder())
    return [*lake_tables().values(), *(model.table for model in models)]


def test_every_described_column_is_used(tables: list[Table]) -> None:
    used = {column.name for table in tables for column in table.columns}
    assert vocabulary().keys() - used == set()


@pytest.mark.parametrize("column", vocabulary().values(), ids=lambda column: column.name)
def test_column(column: Column) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", column.name)
    assert column.meaning
    for text in (column.meaning, column.null, column.unit):
        assert text == text.strip()
        assert not text.endswith(".") or text.endswith(" ...")
    assert "...." not in column.comment
    assert column.null != "not"  # a clause of its own, as the comment says `NULL: ...`
    assert arrow_type(column.type)
    if column.name.endswith("_at"):
        assert column.type == "TIMESTAMP WITH TIME ZONE"
    if column.name.endswith("_ms"):
        assert (column.type, column.unit) == ("BIGINT", "ms")
    if column.name.startswith(("is_", "has_")):
        assert column.type == "BOOLEAN"
    if column.name.endswith("_tokens") and column.type == "BIGINT":
        assert column.unit == "tokens"
    if column.name.endswith("_usd"):
        assert column.type.startswith("DECIMAL(")
        assert column.unit == "USD"


def test_counts_and_money_are_exact() -> None:
    counted = {"tokens", "USD", "bytes", "characters", "ms", "files", "responses"}
    floats = [column for column in vocabulary().values() if column.type == "DOUBLE"]
    assert [column.name for column in floats if column.unit in counted] == []


def test_duckdb_has_the_declared_types(tables: list[Table]) -> None:
    with duckdb.connect() as connection:
        create_empty(tables, connection)
        for table in tables:
            rows = connection.execute(
                "SELECT column_name, data_type, is_nullable FROM duckdb_columns() "
                "WHERE table_name = ? ORDER BY column_index",
                [table.name],
            ).fetchall()
            assert rows == [(c.name, c.type, c.nullable) for c in table.published]


def test_arrow_and_duckdb_agree_on_types(tables: list[Table]) -> None:
    with duckdb.connect() as connection:
        create_empty(tables, connection, not_null=False)
        connection.execute("SET TimeZone = 'UTC'")
        for table in tables:
            schema = connection.sql(f"SELECT * FROM {table.name}").to_arrow_table().schema
            declared = [f for f in table.arrow_schema if f.name not in table.lake_only]
            assert [(f.name, f.type) for f in schema] == [(f.name, f.type) for f in declared]


def test_arrow_schema_knows_what_is_never_null() -> None:
    table = lake_tables()["raw_lines"]
    schema = table.arrow_schema
    assert schema.names == [column.name for column in table.columns]
    assert not schema.field("line_number").nullable
    assert schema.field("ordinal").nullable
    assert schema.field("recorded_at").type == pa.timestamp("us", tz="UTC")
    assert schema.field("payload_hash").type == pa.uint64()


@pytest.mark.parametrize(
    ("key", "columns", "layer", "message"),
    [
        (["source_id"], ["source_id", "nope"], "session", "'nope' is not described"),
        (["source_id"], ["source_id", "source_id"], "session", "names a column twice"),
        (["source_id"], ["lines"], "session", "not among its columns"),
        (["source_id"], ["source_id"], "attic", "unknown layer: attic"),
    ],
)
def test_table_that_contradicts_itself(
    key: list[str], columns: list[str], layer: str, message: str
) -> None:
    with pytest.raises(ContractError, match=message):
        model_table("table", layer, "What it holds", "one row per thing", key, columns)


@pytest.fixture
def _fresh_vocabulary() -> Iterator[None]:
    vocabulary.cache_clear()
    yield
    vocabulary.cache_clear()


@pytest.mark.usefixtures("_fresh_vocabulary")
def test_column_that_is_described_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    from warehouse.contracts import models

    again = Column("source_id", "VARCHAR", "Again")
    monkeypatch.setattr(models, "COLUMNS", (*models.COLUMNS, again))
    with pytest.raises(ContractError, match="'source_id' is described twice"):
        vocabulary()


def test_type_without_arrow_equivalent() -> None:
    with pytest.raises(ContractError, match="INTERVAL"):
        arrow_type("INTERVAL")


def test_layers_are_in_building_order() -> None:
    assert LAYERS == ("raw", "parsed", "session", "derived", "summary")
    assert {table.layer for table in lake_tables().values()} == {"raw", "parsed"}
