"""The summary block of goal ledgers, for a choice of goals, and what a page about goals shows.

Belongs here: choosing goals by time, project and label, and printing numbers under the names
that consumers of the block know. Does not belong here: what a number means (sql/summary), and
layout (pages.py).

The block is computed by the very models that make the tables summary, summary_by_goal_type
and so on, over the chosen goals only: temporary tables of the names that these models read
stand before the published ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from warehouse import resources
from warehouse.errors import UsageError
from warehouse.headers import read_model
from warehouse.models import run_macros

Record = dict[str, Any]

# Models in the order in which they read each other; all rest on effective_goals and attempts.
_MODELS = (
    "goal_totals",
    "summary",
    "summary_by_goal_type",
    "summary_by_model",
    "summary_by_label",
    "summary_entries",
    "failure_reasons",
    "product_quality",
)

_COUNTS = (
    "closed_goals",
    "successes",
    "fails",
    "total_attempts",
    "known_cost_successes",
    "known_token_successes",
    "known_token_breakdown_successes",
    "complete_cost_successes",
    "complete_token_successes",
    "complete_token_breakdown_successes",
    "model_summary_goals",
    "model_complete_goals",
    "mixed_model_goals",
)
_SUMS = (
    "total_cost_usd",
    "total_input_tokens",
    "total_cached_input_tokens",
    "total_output_tokens",
    "total_tokens",
)
_MEANS = (
    "success_rate",
    "attempts_per_closed_goal",
    "known_cost_per_success_usd",
    "known_cost_per_success_tokens",
    "complete_cost_per_covered_success_usd",
    "complete_cost_per_covered_success_tokens",
    "cost_per_success_usd",
    "cost_per_success_tokens",
)
# The block is older than its word for a piece of work.
_BLOCK_NAMES = {
    "closed_goals": "closed_tasks",
    "attempts_per_closed_goal": "attempts_per_closed_task",
}


@dataclass(frozen=True)
class Choice:
    """Which goals to sum up: closed from `since` on and before `until`, by project or label.

    `project` is the folder that a ledger is kept for, one around it, or its last name.
    """

    since: datetime | None = None
    until: datetime | None = None
    project: str | None = None
    label: str | None = None


def moment(text: str, timezone: str, *, is_end: bool = False) -> datetime:
    """A moment from an option's text: a day or an ISO 8601 time, by default in `timezone`.

    A day that ends a period is the end of that day. Raises UsageError for any other text.
    """
    zone = ZoneInfo(timezone)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        if is_end and day == date.max:  # written for "no end"; no day follows it
            return datetime.combine(day, time.max, zone)
        if is_end:
            day += timedelta(days=1)
        return datetime.combine(day, time(), zone)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is no day or time; write it like 2026-11-21 or 2026-11-21T14:30:00Z"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def compatible_block(
    connection: duckdb.DuckDBPyConnection, choice: Choice = Choice()
) -> dict[str, Any]:
    """The summary block as consumers know it: names sorted, 0 where nothing is known."""
    with _chosen(connection, choice) as chosen:
        block = _block(_one(chosen, "summary"))
        types = {row["goal_type"]: _block(row) for row in _all(chosen, "summary_by_goal_type")}
        block["by_goal_type"] = block["by_task_type"] = dict(sorted(types.items()))
        block["by_model"] = {
            row["model"]: _block(row)
            for row in _all(chosen, "summary_by_model")
            if row["model"] is not None
        }
        block["entries"] = _entries(chosen)
    return dict(sorted(block.items()))


def goal_page(connection: duckdb.DuckDBPyConnection, choice: Choice = Choice()) -> Record:
    """What a page about goals shows, as rows of the honest tables: NULL where nothing is known.

    `violations` and `candidates` are counts by severity and by category, over the whole ledgers
    that the choice leaves.
    """
    with _chosen(connection, choice) as chosen:
        return {
            "summary": _one(chosen, "summary"),
            "by_goal_type": _all(chosen, "summary_by_goal_type"),
            "by_model": _all(chosen, "summary_by_model"),
            "by_label": _all(chosen, "summary_by_label"),
            "entries": _one(chosen, "summary_entries"),
            "failure_reasons": _all(chosen, "failure_reasons"),
            "quality": _one(chosen, "product_quality"),
            "ledgers": _all(chosen, "ledgers"),
            "violations": _all(
                chosen,
                "(SELECT severity, rule, count(*) AS records FROM goal_violations "
                "SEMI JOIN ledgers USING (source_id) GROUP BY ALL)",
            ),
            "candidates": _all(
                chosen,
                "(SELECT category, count(*) AS goals FROM goal_audit_candidates "
                "SEMI JOIN ledgers USING (source_id) GROUP BY ALL)",
            ),
        }


@contextmanager
def _chosen(
    connection: duckdb.DuckDBPyConnection, choice: Choice
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which the summary models hold the chosen goals only."""
    if choice == Choice():  # as they are published
        yield connection
        return
    chosen = connection.cursor()
    try:
        sql_folder = resources.sql_folder()
        run_macros(sql_folder, chosen)
        conditions, values = _places(choice)
        chosen.execute(
            f"CREATE TEMP TABLE ledgers AS SELECT * FROM ledgers WHERE {conditions}", values
        )
        conditions, values = _times(choice)
        for table in ("effective_goals", "attempts"):
            chosen.execute(
                f"CREATE TEMP TABLE {table} AS SELECT * FROM {table} "
                f"SEMI JOIN ledgers USING (source_id) WHERE {conditions}",
                values,
            )
        for name in _MODELS:
            _, select, _ = read_model(sql_folder / "summary" / f"{name}.sql")
            chosen.execute(f"CREATE TEMP TABLE {name} AS {select}")
        yield chosen
    finally:
        chosen.close()


def _times(choice: Choice) -> tuple[str, list[object]]:
    """Which goals and attempts, by when they were closed."""
    closed_at = "coalesce(finished_at, started_at)"
    conditions = ["TRUE"]
    values: list[object] = []
    if choice.since is not None:
        conditions.append(f"{closed_at} >= ?")
        values.append(choice.since)
    if choice.until is not None:
        conditions.append(f"{closed_at} < ?")
        values.append(choice.until)
    return " AND ".join(conditions), values


def _places(choice: Choice) -> tuple[str, list[object]]:
    """Which ledgers."""
    conditions = ["TRUE"]
    values: list[object] = []
    if choice.label is not None:
        conditions.append("label = ?")
        values.append(choice.label)
    if choice.project is not None:
        project = choice.project.rstrip("/")
        conditions.append("(project = ? OR starts_with(project, ?) OR ends_with(project, ?))")
        values += [project, f"{project}/", f"/{project}"]
    return " AND ".join(conditions), values


def _block(row: Record) -> Record:
    block: Record = {}
    for name in _COUNTS:
        block[_BLOCK_NAMES.get(name, name)] = row[name]
    for name in _SUMS:
        block[name] = _sum(name, row[name])
    for name in _MEANS:
        block[_BLOCK_NAMES.get(name, name)] = _plain(row[name])
    return dict(sorted(block.items()))


def _entries(connection: duckdb.DuckDBPyConnection) -> Record:
    row = _one(connection, "summary_entries")
    block: Record = {name: row[name] for name in ("closed_entries", "successes", "fails")}
    block["success_rate"] = row["success_rate"]
    for name in _SUMS:
        block[name] = _sum(name, row[name])
    block["failure_reasons"] = {
        reason["reason"]: reason["fails"]
        for reason in _all(connection, "failure_reasons")
        if reason["record"] == "entry"
    }
    return dict(sorted(block.items()))


def _sum(name: str, value: Any) -> int | float:
    """A sum as the block has it: 0 (or 0.0 USD) where nothing is known."""
    if name.endswith("_usd"):
        return 0.0 if value is None else float(value)
    return 0 if value is None else int(value)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _all(connection: duckdb.DuckDBPyConnection, relation: str) -> list[Record]:
    """All rows, by what names them, which stands in the first two columns."""
    cursor = connection.execute(f"SELECT * FROM {relation}")
    names = [column[0] for column in cursor.description or []]
    rows = sorted(cursor.fetchall(), key=lambda row: row[:2])  # DuckDB takes 1 ms to plan that
    return [dict(zip(names, row, strict=True)) for row in rows]


def _one(connection: duckdb.DuckDBPyConnection, relation: str) -> Record:
    (record,) = _all(connection, relation)
    return record
