"""`rollhouse query`: what may be asked, and the four forms of an answer."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.errors import RollhouseError, UsageError
from warehouse.formats import TABLE_ROWS
from warehouse.query import Format, QueryError, open_warehouse, run_query
from warehouse.settings import Settings

VALUES = """
SELECT
    42 AS whole,
    CAST(170141183460469231731687303715884105727 AS HUGEINT) AS huge,
    CAST('0.003125000' AS DECIMAL(18, 9)) AS money,
    0.5::DOUBLE AS share,
    TRUE AS flag,
    DATE '2026-11-21' AS day,
    TIMESTAMPTZ '2026-11-21 11:28:20.123456+00' AS at,
    'a,"b"' || chr(10) || 'é' AS text,
    '' AS empty,
    NULL AS nothing,
    [1, 2] AS list,
    '{"a": [1, null]}'::JSON AS nested,
    'x' AS twice,
    'y' AS twice
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def ask(settings: Settings, sql: str, form: Format = "csv", out: io.StringIO | None = None) -> str:
    out = out or io.StringIO()
    run_query(settings, sql, form, out)
    return out.getvalue()


def parquet(settings: Settings, sql: str) -> pa.Table:
    buffer = io.BytesIO()
    out = io.TextIOWrapper(buffer)
    run_query(settings, sql, "parquet", out)
    return pq.read_table(io.BytesIO(buffer.getvalue()))


# --- forms ----------------------------------------------------------------------------------------


def test_json_keeps_every_digit_and_type(published: Settings) -> None:
    text = ask(published, VALUES, "json")
    (row,) = json.loads(text, parse_float=Decimal)
    assert row == {
        "whole": 42,
        "huge": 170141183460469231731687303715884105727,
        "money": Decimal("0.003125"),
        "share": Decimal("0.5"),
        "flag": True,
        "day": "2026-11-21",
        "at": "2026-11-21T11:28:20.123456Z",
        "text": 'a,"b"\né',
        "empty": "",
        "nothing": None,
        "list": [1, 2],
        "nested": {"a": [1, None]},
        "twice": "x",
        "twice_1": "y",
    }
    assert '"money":0.003125000,' in text  # no exponent, no lost zero


@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_no_rows(published: Settings, form: Format) -> None:
    empty = {"json": "[\n]\n", "csv": "a,b\n", "table": "(0 rows)\n"}[form]
    assert ask(published, "SELECT 1 AS a, 2 AS b WHERE FALSE", form).endswith(empty)


def test_csv_tells_null_from_empty(published: Settings) -> None:
    assert ask(published, VALUES).split("\n", 1) == [
        "whole,huge,money,share,flag,day,at,text,empty,nothing,list,nested,twice,twice_1",
        "42,170141183460469231731687303715884105727,0.003125000,0.5,true,2026-11-21,"
        '2026-11-21 11:28:20.123456+00:00,"a,""b""\né","",,"[1,2]","{""a"": [1, null]}",x,y\n',
    ]


def test_csv_reads_back(published: Settings, tmp_path: Path) -> None:
    sql = "SELECT * EXCLUDE (raw_json) FROM derived_projects ORDER BY project"
    path = tmp_path / "projects.csv"
    path.write_text(ask(published, sql), encoding="utf-8")
    with open_warehouse(published) as connection:
        expected = connection.execute(sql).fetchall()
        types = {c[0]: str(c[1]) for c in connection.execute(sql).description or []}
    columns = ", ".join(f"'{name}': '{type_}'" for name, type_ in types.items())
    read = duckdb.execute(f"FROM read_csv('{path}', columns = {{{columns}}}, header = TRUE)")
    assert len(expected) > 10
    assert read.fetchall() == expected


def test_parquet_keeps_types(published: Settings) -> None:
    table = parquet(published, VALUES.replace("CAST(170", "-- CAST(170"))
    assert table.schema.field("money").type == pa.decimal128(18, 9)
    assert table.schema.field("day").type == pa.date32()
    assert table.schema.field("at").type.tz == "UTC"
    assert table.column_names[-2:] == ["twice", "twice_1"]
    assert table.column("nothing").to_pylist() == [None]
    assert table.column("money").to_pylist() == [Decimal("0.003125000")]


def test_parquet_of_many_batches(published: Settings) -> None:
    table = parquet(published, "SELECT range AS n FROM range(120_000)")
    assert table.column("n").to_pylist() == list(range(120_000))


def test_parquet_is_not_for_terminals(published: Settings) -> None:
    with pytest.raises(UsageError, match="send it to a file"):
        run_query(published, "SELECT 1", "parquet", Terminal())


def test_type_that_parquet_has_not(published: Settings) -> None:
    with pytest.raises(QueryError, match="cast it"):
        parquet(published, "SELECT INTERVAL 1 DAY AS span")


def test_table_shows_null_and_puts_numbers_right(published: Settings) -> None:
    sql = "SELECT * FROM (VALUES ('a', 5, NULL), ('[b]', 1234, '')) AS t (name, n, gap)"
    assert [line.rstrip() for line in ask(published, sql, "table").splitlines()] == [
        "name      n   gap",
        "──────────────────",
        "a         5   NULL",
        "[b]    1234",
        "(2 rows)",
    ]


def test_table_obeys_no_codes_in_values(published: Settings) -> None:
    text = ask(published, "SELECT 'a' || chr(27) || '[2Jb' || chr(155) AS x", "table")
    assert "a\\x1b[2Jb\\x9b" in text


def test_wide_table_is_whole_in_a_pipe(published: Settings) -> None:
    text = ask(published, f"SELECT '{'x' * 500}' AS a, '{'y' * 500}' AS b", "table")
    assert "x" * 500 in text
    assert "y" * 500 in text


def test_wide_table_becomes_blocks_on_a_terminal(
    published: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    sql = f"SELECT '{'x' * 60}' AS long, NULL AS gap, 3 AS n UNION ALL SELECT 'b', 'c', 4"
    text = ask(published, sql, "table", Terminal())
    assert re.sub(r"\x1b\[\d*m", "", text).splitlines() == [
        "row 1",
        f"  long  {'x' * 60}",
        "  gap   NULL",
        "  n     3",
        "row 2",
        "  long  b",
        "  gap   c",
        "  n     4",
        "(2 rows)",
    ]


def test_table_is_cut_and_says_so(published: Settings) -> None:
    lines = ask(published, "SELECT range AS n FROM range(1_000_000_000)", "table").splitlines()
    assert lines[-2].strip() == str(TABLE_ROWS - 1)
    assert lines[-1] == f"(the first {TABLE_ROWS} rows; --format csv or json writes all)"
    assert "first" not in ask(published, f"SELECT range FROM range({TABLE_ROWS})", "table")


@pytest.mark.parametrize("sql", ["SHOW TABLES", "DESCRIBE usage", "EXPLAIN SELECT 1", "FROM usage"])
def test_what_is_no_plain_select(published: Settings, sql: str) -> None:
    assert len(ask(published, sql).splitlines()) > 1


def test_times_are_in_the_zone_of_the_settings(published: Settings) -> None:
    there = published.model_copy(update={"timezone": "Asia/Tokyo"})
    sql = "SELECT TIMESTAMPTZ '2026-11-21 20:00:00+00' AS t, CAST(t AS DATE) AS day"
    assert ask(there, sql).splitlines()[1] == "2026-11-22 05:00:00+09:00,2026-11-22"


# --- what may not be asked ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE usage",
        "DELETE FROM usage",
        "INSERT INTO usage SELECT * FROM usage RETURNING *",
        "CREATE TABLE mine AS SELECT 1",
        "COPY usage TO 'stolen.csv'",
        "EXPORT DATABASE 'stolen'",
        "ATTACH 'stolen.duckdb' AS other",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/etc/*')",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "PREPARE q AS SELECT 1",
    ],
)
def test_nothing_is_written_and_nothing_else_read(
    published: Settings, sql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RollhouseError):
        ask(published, sql)
    assert list(tmp_path.iterdir()) == []


def test_python_variables_are_no_tables(published: Settings) -> None:
    local = pa.table({"a": [1]})
    assert local.num_rows == 1
    with pytest.raises(QueryError, match="local does not exist"):
        ask(published, "SELECT * FROM local")


def test_live_file_is_unchanged_by_queries(published: Settings) -> None:
    folder = published.home / "lake" / "current"
    before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    ask(published, "SELECT * FROM usage ORDER BY ALL")
    assert {p.name: p.stat().st_mtime_ns for p in folder.iterdir()} == before


@pytest.mark.parametrize("sql", ["", "  \n", "-- nothing", "SELECT 1; SELECT 2"])
def test_what_is_not_one_statement(published: Settings, sql: str) -> None:
    with pytest.raises(UsageError) as caught:
        ask(published, sql)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FRO usage", 'syntax error at or near "usage"'),
        ("SELECT * FROM usages", 'Did you mean "usage'),
        ("SELECT * FROM nowhere", 'rollhouse query "SHOW TABLES" lists the tables'),
        ("SELECT input_token FROM usage", 'Candidate bindings: "input_tokens"'),
        ("SELECT CAST('a' AS INTEGER)", "Could not convert"),
        ("SELECT * FROM read_text('/etc/passwd')", "queries read the warehouse alone"),
    ],
)
def test_errors_help(published: Settings, sql: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        ask(published, sql)
    assert message in str(caught.value)
    assert caught.value.exit_code == 1


def test_no_warehouse_yet(published: Settings, tmp_path: Path) -> None:
    nowhere = published.model_copy(update={"home": tmp_path})
    with pytest.raises(QueryError, match=r"there is no warehouse in .* yet.*rollhouse build"):
        ask(nowhere, "SELECT 1")
    assert list(tmp_path.iterdir()) == []


def test_file_that_is_no_database(published: Settings, tmp_path: Path) -> None:
    current = tmp_path / "lake" / "current"
    current.mkdir(parents=True)
    (current / "warehouse.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(QueryError, match="cannot be opened"):
        ask(published.model_copy(update={"home": tmp_path}), "SELECT 1")


# --- larger than memory ---------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "json"])
def test_first_rows_come_at_once(
    published: Settings, environment: dict[str, str], tmp_path: Path, form: str
) -> None:
    """Ten billion rows: they can only be streamed, and `head` ends them without a word."""
    sql = "SELECT range AS n FROM range(10_000_000_000)"
    command = [sys.executable, "-m", "warehouse", "query", "--home", str(published.home)]
    started = time.monotonic()
    with subprocess.Popen(
        [*command, "--format", form, sql],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = [process.stdout.readline() for _ in range(3)]
        process.stdout.close()
        assert process.stderr.read() == ""
    assert first[1:] == (["0\n", "1\n"] if form == "csv" else ['{"n":0},\n', '{"n":1},\n'])
    assert time.monotonic() - started < 20


def test_sorting_spills_and_leaves_nothing(
    published: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    small = published.model_copy(update={"memory_limit": "30MB"})
    seen: list[int] = []

    class Counting(io.StringIO):
        def write(self, text: str) -> int:
            if not seen:
                seen.extend(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file())
            return len(text)

    sql = "SELECT md5(range::VARCHAR) AS text FROM range(600_000) ORDER BY text LIMIT 599_000"
    run_query(small, sql, "csv", Counting())
    assert sum(seen) > 1_000_000
    assert list(tmp_path.iterdir()) == []


def test_reader_keeps_its_version(published: Settings, tmp_path: Path) -> None:
    """A query that runs while a build is swapped in sees one version to its end."""
    home = tmp_path / "home"
    shutil.copytree(published.home, home, symlinks=True)
    here = published.model_copy(update={"home": home})
    with open_warehouse(here) as connection:
        current = home / "lake" / "current"
        old = current.resolve()
        aside = home / "lake" / "aside"
        aside.symlink_to("builds/other")
        os.replace(aside, current)
        shutil.rmtree(old)
        rows = connection.execute("SELECT count(*) FROM raw_lines").fetchone()
    assert rows is not None
    assert rows[0] > 1000
