"""What the checks of one table find: duplicate keys, NULLs, coverage out of bounds.

Belongs here: check_table on small made-up tables, each check failing alone and by name. Does
not belong here: checks over real models (tests/sql) and what a failed check keeps from
happening (tests/e2e).
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from warehouse.checks import Check, check_table
from warehouse.contracts import model_table
from warehouse.models import Coverage, create_empty

TABLE = model_table(
    "derived_session_usage",
    "derived",
    "Usage",
    "one row per session",
    ["session_id"],
    ["session_id", "responses", "input_tokens", "input_tokens_covered_responses", "output_tokens"],
)
PAIRS = [
    Coverage(value="input_tokens", covered="input_tokens_covered_responses", total="responses"),
    Coverage(value="output_tokens", covered="input_tokens_covered_responses", total="responses"),
]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        create_empty([TABLE], connection, not_null=False)
        yield connection


def outcome(
    connection: duckdb.DuckDBPyConnection, *rows: str, pairs: list[Coverage] | None = None
) -> dict[str, Check]:
    for row in rows:
        connection.execute(f"INSERT INTO {TABLE.name} VALUES {row}")
    return {check.name: check for check in check_table(TABLE, connection, pairs)}


def failed(checks: dict[str, Check]) -> dict[str, dict[str, int | float]]:
    return {name: check.numbers for name, check in checks.items() if not check.passed}


def test_right_rows_pass(connection: duckdb.DuckDBPyConnection) -> None:
    checks = outcome(connection, "('a', 2, 10, 2, 5)", "('b', 3, NULL, 0, NULL)", pairs=PAIRS)
    assert list(checks) == ["key_is_unique", "contract_holds", "coverage_is_honest"]
    assert failed(checks) == {}


def test_an_empty_table_passes(connection: duckdb.DuckDBPyConnection) -> None:
    assert failed(outcome(connection, pairs=PAIRS)) == {}


def test_no_coverage_no_check_of_it(connection: duckdb.DuckDBPyConnection) -> None:
    assert list(outcome(connection)) == ["key_is_unique", "contract_holds"]


def test_duplicate_keys_are_counted(connection: duckdb.DuckDBPyConnection) -> None:
    row = "('a', 2, 10, 2, 5)"
    checks = outcome(connection, row, row, row, "('b', 2, 10, 2, 5)", pairs=PAIRS)
    assert failed(checks) == {"key_is_unique": {"duplicate_keys": 1}}


def test_columns_with_null_are_named(connection: duckdb.DuckDBPyConnection) -> None:
    checks = outcome(
        connection, "('a', 2, 10, 2, 5)", "(NULL, 2, 10, 2, 5)", "('c', NULL, 1, 1, 1)"
    )
    assert failed(checks) == {"contract_holds": {"columns": 5, "session_id": 1, "responses": 1}}
    assert "broken by responses, session_id" in checks["contract_holds"].description


@pytest.mark.parametrize(
    "row",
    [
        "('a', 2, 10, 3, 5)",  # more covered than there is
        "('a', 2, 10, -1, 5)",
        "('a', 2, NULL, 2, 5)",  # covered without a value
        "('a', 2, 10, NULL, 5)",
    ],
)
def test_dishonest_coverage_is_named(row: str, connection: duckdb.DuckDBPyConnection) -> None:
    checks = outcome(connection, "('b', 2, 10, 2, 5)", row, pairs=PAIRS[:1])
    numbers = checks["coverage_is_honest"].numbers
    assert not checks["coverage_is_honest"].passed
    assert numbers == {"values": 1, "input_tokens": 1}


def test_each_value_has_its_own_coverage(connection: duckdb.DuckDBPyConnection) -> None:
    checks = outcome(connection, "('a', 2, 10, 2, NULL)", pairs=PAIRS)
    assert failed(checks) == {"coverage_is_honest": {"values": 2, "output_tokens": 1}}
