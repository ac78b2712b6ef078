"""Runs tests/sql/<layer>/<model>.yaml: given rows in, expected rows out (see README.md here).

Belongs here: reading the cases, running a model on given rows, the readable difference. Does
not belong here: any case (the YAML files), and errors of the models' runner (tests/models).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from warehouse import resources
from warehouse.checks import check_model
from warehouse.contracts import Table, lake_tables
from warehouse.models import (
    MODEL_LAYERS,
    Model,
    create_empty,
    load_models,
    run_macros,
    run_model,
)

HERE = Path(__file__).parent
SQL = resources.sql_folder()

Row = dict[str, Any]


class Case(BaseModel):
    """One case of a YAML file."""

    model_config = ConfigDict(extra="forbid")

    name: str
    timezone: str = "UTC"
    given: dict[str, list[Row]]
    expect: list[Row]


class _Loader(yaml.SafeLoader):
    """YAML in which times, dates and fractions stay texts: DuckDB casts them exactly."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:float")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_cases(path: Path) -> list[Case]:
    """The cases of a file; raises for one that is not in the form of the README."""
    content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    cases = TypeAdapter(list[Case]).validate_python(content)
    assert cases, f"{path} holds no case"
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), f"{path} has two cases of one name"
    return cases


def run_case(model: Model, case: Case, tables: dict[str, Table]) -> list[str]:
    """What is wrong with the model's rows: nothing, or lines of a difference."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET VARIABLE timezone = ?", [case.timezone])
        run_macros(SQL, connection)
        create_empty([tables[name] for name in sorted(model.references)], connection, False)
        for name, rows in case.given.items():
            assert name in model.references, f"{model.name} does not read {name}"
            _insert(tables[name], rows, connection)
        run_model(model, connection)
        expected = [_cast(model.table, row, connection) for row in case.expect]
        order = (
            f" ORDER BY {model.order_by}" if model.header.internal else ""
        )  # others are stored so
        cursor = connection.execute(f"SELECT * FROM {model.name}{order}")
        names = [column[0] for column in cursor.description]
        actual = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        problems = list(_difference(expected, actual))
        for check in check_model(model, connection):
            # given rows are sparse, so that columns may be NULL here which never are in a build
            if not check.passed and check.name != "contract_holds":
                problems.append(f"{check.name}: {check.description}")
        return problems


def _insert(table: Table, rows: list[Row], connection: duckdb.DuckDBPyConnection) -> None:
    known = {column.name for column in table.published}
    for row in rows:
        assert row.keys() <= known, f"{table.name} has no {', '.join(row.keys() - known)}"
        columns = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" for _ in row)
        connection.execute(
            f"INSERT INTO {table.name} ({columns}) VALUES ({marks})", list(row.values())
        )


def _cast(table: Table, row: Row, connection: duckdb.DuckDBPyConnection) -> Row:
    types = {column.name: column.type for column in table.columns}
    assert row.keys() <= types.keys(), f"{table.name} has no {', '.join(row.keys() - types.keys())}"
    casts = ", ".join(f'CAST(? AS {types[name]}) AS "{name}"' for name in row)
    values = connection.execute(f"SELECT {casts}", list(row.values())).fetchone() if row else ()
    return dict(zip(row, values or (), strict=True))


def _difference(expected: list[Row], actual: list[Row]) -> Iterator[str]:
    """Lines of a difference; a row is shown by the columns that its expectation names."""
    if len(expected) == len(actual) and all(
        wanted.items() <= found.items() for wanted, found in zip(expected, actual, strict=True)
    ):
        return
    shown = list(dict.fromkeys(name for row in expected for name in row))
    wanted_lines = [_line(row, list(row)) for row in expected]
    found_lines = []
    for index, row in enumerate(actual):
        named = list(expected[index]) if index < len(expected) else shown
        found_lines.append(_line(row, named or list(row)))
    yield from difflib.ndiff(wanted_lines, found_lines)


def _line(row: Row, names: list[str]) -> str:
    return ", ".join(f"{name}: {'null' if row[name] is None else row[name]}" for name in names)


# --- the tests ------------------------------------------------------------------------------------


@cache
def models() -> dict[str, Model]:
    return {model.name: model for model in load_models(SQL)}


@cache
def all_tables() -> dict[str, Table]:
    return lake_tables() | {name: model.table for name, model in models().items()}


def _files() -> list[Path]:
    return sorted(path for layer in MODEL_LAYERS for path in (HERE / layer).glob("*.yaml"))


def _cases() -> list[Any]:
    """All cases as parameters; a file that cannot be read is one that fails by saying so."""
    found = []
    for path in _files():
        model = f"{path.parent.name}/{path.stem}"
        try:
            cases = read_cases(path)
        except (ValueError, AssertionError, yaml.YAMLError) as error:
            found.append(pytest.param(path, error, id=model))
            continue
        found += [pytest.param(path, case, id=f"{model}: {case.name}") for case in cases]
    return found


@pytest.mark.parametrize(("path", "case"), _cases())
def test_case(path: Path, case: Case | Exception) -> None:
    if isinstance(case, Exception):
        pytest.fail(f"{path}: {case}", pytrace=False)
    model = models().get(path.stem)
    assert model is not None, f"{path} tests a model that is not there"
    problems = run_case(model, case, all_tables())
    if problems:
        difference = "\n".join(problems)
        pytest.fail(f"{path.name}, {case.name} (- expected, + is):\n{difference}", pytrace=False)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=f"{layer}/{path.stem}")
        for layer in MODEL_LAYERS
        for path in sorted((SQL / layer).glob("*.sql"))
    ],
)
def test_model_has_cases(path: Path) -> None:
    cases = HERE / path.parent.name / f"{path.stem}.yaml"
    assert cases.is_file(), f"{path.name} has no test; write {cases}"


# --- the runner itself ----------------------------------------------------------------------------

MODEL = """/*
description: Responses of each thread
grain: one row per thread
key: [session_id]
columns: [session_id, context_window, input_tokens, output_tokens]
coverage: [{value: input_tokens, covered: output_tokens, total: context_window}]
scope: session
*/
SELECT
    thread_id AS session_id,
    count(*) AS context_window,
    CAST(sum(last_input_tokens) AS BIGINT) AS input_tokens,
    count(last_input_tokens) AS output_tokens
FROM parsed_usage
WHERE getvariable('timezone') = 'Europe/Berlin'
GROUP BY thread_id
"""


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """A model of two lines' worth: rows, covered and total, in one zone only."""
    (tmp_path / "session").mkdir()
    (tmp_path / "session" / "sums.sql").write_text(MODEL)
    (found,) = load_models(tmp_path)
    return found


def _case(text: str) -> Case:
    return Case.model_validate(yaml.load(text, _Loader))


GIVEN = """
name: two threads
timezone: Europe/Berlin
given:
  parsed_usage:
    - {thread_id: b, recorded_at: 2026-01-02 03:04:05Z, last_input_tokens: 0}
    - {thread_id: a, last_input_tokens: 7}
    - {thread_id: a}
    - {thread_id: c}
"""


def test_rows_as_expected(model: Model) -> None:
    case = _case(
        GIVEN
        + """
expect:
  - {session_id: a, context_window: 2, input_tokens: 7}
  - {session_id: b, input_tokens: 0}
  - {session_id: c, input_tokens: null}
"""
    )
    assert run_case(model, case, lake_tables()) == []


def test_difference_names_row_and_values(model: Model) -> None:
    case = _case(GIVEN + "expect: [{session_id: a, input_tokens: 8}, {session_id: b}]")
    assert [line for line in run_case(model, case, lake_tables()) if line[0] in "-+"] == [
        "- session_id: a, input_tokens: 8",
        "+ session_id: a, input_tokens: 7",
        "+ session_id: c, input_tokens: null",
    ]


def test_null_is_no_zero(model: Model) -> None:
    case = _case(
        GIVEN
        + """
expect:
  - {session_id: a}
  - {session_id: b, input_tokens: null}
  - {session_id: c, input_tokens: 0}
"""
    )
    assert len([line for line in run_case(model, case, lake_tables()) if line[0] == "-"]) == 2


def test_timezone_is_the_case_s_own(model: Model) -> None:
    case = _case(GIVEN + "expect: []").model_copy(update={"timezone": "UTC"})
    assert run_case(model, case, lake_tables()) == []


def test_dishonest_coverage_is_told(tmp_path: Path) -> None:
    (tmp_path / "session").mkdir()
    claims_zero = MODEL.replace("count(last_input_tokens)", "count(*)")
    (tmp_path / "session" / "sums.sql").write_text(claims_zero)
    (model,) = load_models(tmp_path)
    case = _case(GIVEN + "expect: [{session_id: a}, {session_id: b}, {session_id: c}]")
    (problem,) = run_case(model, case, lake_tables())
    assert problem.startswith("coverage_is_honest")


@pytest.mark.parametrize(
    ("given", "expect", "message"),
    [
        ("parsed_usage: [{nope: 1}]", "[]", "parsed_usage has no nope"),
        ("parsed_settings: []", "[]", "does not read parsed_settings"),
        ("parsed_usage: []", "[{nope: 1}]", "sums has no nope"),
    ],
)
def test_case_that_names_what_is_not_there(
    model: Model, given: str, expect: str, message: str
) -> None:
    case = Case.model_validate(
        {"name": "x", "given": yaml.load(given, _Loader), "expect": yaml.load(expect, _Loader)}
    )
    with pytest.raises(AssertionError, match=message):
        run_case(model, case, lake_tables())


@pytest.mark.parametrize(
    "text",
    ["[]", "[{name: a, given: {}}]", "- {name: a, given: {}, expect: [], more: 1}", "a: ["],
)
def test_file_that_is_no_list_of_cases(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(text)
    with pytest.raises((ValueError, AssertionError, yaml.YAMLError)):
        read_cases(path)
