"""What `rollhouse summary`, `usage` and `status` tell, as plain data.

Belongs here: the questions, as SQL over the published warehouse, and what lies beside it
(builds). Does not belong here: layout (pages.py), and what a number means (sql/).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import duckdb

from warehouse.builds import BuildRecord, all_builds, current_build, database_path
from warehouse.contracts import LAYERS, lake_tables
from warehouse.lake import Lake
from warehouse.ledger_block import Choice, compatible_block, goal_page
from warehouse.query import QueryError, open_warehouse

if TYPE_CHECKING:
    from warehouse.settings import Settings

Record = dict[str, Any]

EVERYTHING = Choice()

TOKENS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
    "total_tokens",
)

_TOKEN_SUMS = ", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in TOKENS)
_TOKEN_COUNTS = ", ".join(f"count({name}) AS {name}" for name in TOKENS)


_SUMS = f"""
    CAST(count(DISTINCT session_id) AS BIGINT) AS sessions,
    count(response_key) AS responses,
    {_TOKEN_SUMS},
    sum(cost_usd) AS cost_usd,
    count(cost_usd) AS cost_covered_responses
"""


def usage(settings: Settings, choice: Choice = EVERYTHING) -> Record:
    """`usage`: sums, by model, project, label and day; `coverage`: what each sum covers."""
    with asking(settings) as connection:
        _choose(connection, choice)
        sums = _one(
            connection,
            f"""
            SELECT
                (SELECT count(*) FROM sessions) AS sessions,
                (SELECT count(*) FROM turns) AS turns,
                count(*) AS responses,
                {_TOKEN_SUMS},
                sum(cost_usd) AS cost_usd,
                min(responded_at) AS first_response_at,
                max(responded_at) AS last_response_at
            FROM usage
            """,
        )
        covered = _one(
            connection,
            f"SELECT {_TOKEN_COUNTS}, count(cost_usd) AS cost_usd, "
            "count(DISTINCT session_id) AS sessions FROM usage",
        )
        coverage: Record = {
            "sessions_with_usage": {
                "covered": covered.pop("sessions"),
                "total": sums["sessions"],
            }
        }
        for name, count in covered.items():
            coverage[name] = {"covered": count, "total": sums["responses"]}
        confidence = all_rows(
            connection,
            "SELECT price_confidence AS name, count(*) AS responses FROM usage "
            "GROUP BY name ORDER BY name",
        )
        coverage["price_confidence"] = {row["name"]: row["responses"] for row in confidence}
        for group, rows in {
            "model": "usage",
            "project": "sessions LEFT JOIN usage USING (session_id)",
            "label": "sessions LEFT JOIN usage USING (session_id)",
        }.items():
            sums[f"by_{group}"] = all_rows(
                connection,
                f"SELECT {group}, {_SUMS} FROM {rows} "
                f"GROUP BY {group} ORDER BY total_tokens DESC NULLS LAST, {group}",
            )
        sums["by_day"] = all_rows(
            connection,
            f"SELECT CAST(responded_at AS DATE) AS day, {_SUMS} FROM usage "
            "GROUP BY day ORDER BY day NULLS LAST",
        )
        return {"usage": sums, "coverage": coverage}


def goals(settings: Settings, choice: Choice = EVERYTHING) -> Record | None:
    """What ledgers tell of goals, or None where there is none, or the choice leaves none."""
    with asking(settings) as connection:
        page = goal_page(connection, choice)
        return page if page["ledgers"] else None


def goal_block(settings: Settings, choice: Choice = EVERYTHING) -> Record:
    """The summary block of goals as other programs know it (docs/ledger.md)."""
    with asking(settings) as connection:
        return compatible_block(connection, choice)


def _choose(connection: duckdb.DuckDBPyConnection, choice: Choice) -> None:
    """Have temporary tables with the chosen rows stand before the published ones."""
    if choice == EVERYTHING:
        return
    run = connection.execute
    places, values = ["TRUE"], []
    if choice.label is not None:
        places.append("label = ?")
        values.append(choice.label)
    if choice.project is not None:
        project = choice.project.rstrip("/")
        places.append("(project = ? OR starts_with(project, ?) OR ends_with(project, ?))")
        values += [project, f"{project}/", f"/{project}"]
    run(f"CREATE TEMP TABLE sessions AS FROM sessions WHERE {' AND '.join(places)}", values)
    for table, moment in (("usage", "responded_at"), ("turns", "started_at")):
        period, times = _period(choice, moment, moment)
        run(
            f"CREATE TEMP TABLE {table} AS FROM {table} "
            f"WHERE session_id IN (SELECT session_id FROM sessions) AND {period}",
            times,
        )
    period, times = _period(choice, "first_seen_at", "last_seen_at")
    run(
        f"DELETE FROM sessions WHERE NOT coalesce({period}, FALSE) "
        "AND session_id NOT IN (SELECT session_id FROM usage)",
        times,
    )


def _period(choice: Choice, first: str, last: str) -> tuple[str, list[datetime]]:
    """The condition that what lasts from `first` to `last` touches the chosen period."""
    conditions, values = ["TRUE"], []
    if choice.since is not None:
        conditions.append(f"{last} >= ?")
        values.append(choice.since)
    if choice.until is not None:
        conditions.append(f"{first} < ?")
        values.append(choice.until)
    return " AND ".join(conditions), values


def status(settings: Settings) -> Record:
    """The warehouse, its sources and tables, rejects, builds, and what is not covered."""
    lake = Lake(settings.home)
    record = current_build(lake)
    with asking(settings) as connection:
        database = database_path(lake)
        warehouse = {
            "path": str(database),
            "size_bytes": database.stat().st_size,
            "timezone": settings.timezone,
            "warnings": record.warnings if record else [],
        }
        freshness = _one(
            connection,
            """
            SELECT
                (SELECT max(recorded_at) FROM raw_lines) AS last_line_at,
                (SELECT max(responded_at) FROM usage) AS last_response_at,
                (SELECT max(modified_at) FROM raw_sources WHERE state = 'present')
                    AS last_modified_at
            """,
        )
        freshness["built_at"] = _built_at(record, settings) if record else None
        sources = all_rows(
            connection,
            """
            SELECT kind, label, state, count(*) AS sources,
                CAST(sum(lines) AS BIGINT) AS lines,
                CAST(sum(bytes_read) AS BIGINT) AS bytes_read,
                CAST(sum(rejected_lines) AS BIGINT) AS rejected_lines,
                CAST(sum(deferred_bytes) AS BIGINT) AS deferred_bytes
            FROM raw_sources
            GROUP BY kind, label, state
            ORDER BY kind, label NULLS FIRST, state
            """,
        )
        problems = all_rows(
            connection,
            "SELECT path, state, error FROM raw_sources WHERE error IS NOT NULL ORDER BY path",
        )
        rejects = all_rows(
            connection,
            """
            SELECT s.kind, r.rule, count(*) AS lines, count(DISTINCT source_id) AS sources
            FROM parsed_rejects AS r
            LEFT JOIN raw_sources AS s USING (source_id)
            GROUP BY s.kind, r.rule
            ORDER BY lines DESC, rule, kind
            """,
        )
        not_covered = all_rows(
            connection,
            """
            SELECT aspect, detail, aspect_meaning AS meaning, covered, total,
                covered_tokens, all_tokens
            FROM coverage
            WHERE covered < total AND aspect <> 'price_confidence'
            ORDER BY aspect, all_tokens DESC NULLS LAST, total DESC, detail
            """,
        )
        return {
            "warehouse": warehouse,
            "freshness": freshness,
            "sources": sources,
            "problems": problems,
            "tables": _tables(connection, lake),
            "rejects": rejects,
            "not_covered": not_covered,
            "builds": [_build(each, record, settings) for each in all_builds(lake)],
        }


def _tables(connection: duckdb.DuckDBPyConnection, lake: Lake) -> list[Record]:
    """Rows by table, in the order of layers."""
    of_lake = lake_tables()
    layers = {name: table.layer for name, table in of_lake.items()}
    for path in sorted((lake.root / "current").glob("*/*.parquet")):
        layers[path.stem] = path.parent.name
    names = all_rows(
        connection, "SELECT table_name AS name FROM duckdb_tables() WHERE NOT temporary"
    )
    found = [
        {"layer": layers.get(row["name"], "other"), "name": row["name"]}
        | _one(connection, f'SELECT count(*) AS rows FROM "{row["name"]}"')
        for row in names
    ]
    places = {layer: place for place, layer in enumerate(LAYERS)}
    return sorted(found, key=lambda row: (places.get(row["layer"], len(places)), row["name"]))


def _built_at(build: BuildRecord, settings: Settings) -> datetime:
    return datetime.fromisoformat(build.created_at).astimezone(ZoneInfo(settings.timezone))


def _build(each: BuildRecord, current: BuildRecord | None, settings: Settings) -> Record:
    return {
        "id": each.id,
        "built_at": _built_at(each, settings),
        "seconds": each.seconds,
        "rows": sum(each.rows.values()),
        "warnings": len(each.warnings),
        "is_current": current is not None and each.id == current.id,
    }


def headline(settings: Settings) -> str:
    """One line on what the numbers cover, for the end of a build."""
    with asking(settings) as connection:
        rows = all_rows(
            connection,
            """
            SELECT aspect, covered, total FROM coverage
            WHERE aspect IN ('threads_with_usage', 'responses_with_price') AND total > 0
            """,
        )
    found = {row["aspect"]: f"{row['covered']:,} of {row['total']:,}" for row in rows}
    told = {
        "threads_with_usage": "sessions have usage",
        "responses_with_price": "responses a price",
    }
    return ", ".join(f"{found[aspect]} {text}" for aspect, text in told.items() if aspect in found)


@contextmanager
def asking(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, if it is one that this version of Rollhouse can ask."""
    with open_warehouse(settings) as connection:
        try:
            yield connection
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            first_line = str(error).partition("\n")[0]
            raise QueryError(
                f"{database_path(Lake(settings.home))} was built by another version of Rollhouse "
                f"({first_line}); run `rollhouse build`"
            ) from None


def all_rows(connection: duckdb.DuckDBPyConnection, sql: str, **parameters: object) -> list[Record]:
    """Rows as dictionaries; `$name` in the SQL is a parameter."""
    cursor = connection.execute(sql, parameters or None)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> Record:
    (record,) = all_rows(connection, sql)
    return record
