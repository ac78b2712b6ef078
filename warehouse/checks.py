"""What must hold of the tables: keys, contracts, coverage bounds, sums, no orphans.

Belongs here: checks as SQL over a finished build, each with a result people can read.
Does not belong here: Dagster (pipelines/checks.py shows these), or how tables are made.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb

from warehouse.contracts import Table
from warehouse.models import Coverage, Model

REJECTED_SHARE_WARNING = 0.01


@dataclass(frozen=True)
class Check:
    """The outcome of one check. A failed blocking check keeps a build from being published."""

    name: str
    table: str
    passed: bool
    description: str
    is_blocking: bool = True
    numbers: dict[str, int | float] = field(default_factory=dict)


def check_table(
    table: Table, connection: duckdb.DuckDBPyConnection, coverage: list[Coverage] | None = None
) -> list[Check]:
    """Key unique; never-NULL columns hold that; coverage within bounds."""
    pairs = coverage or []
    key = ", ".join(f'"{name}"' for name in table.key)
    required = [column.name for column in table.published if not column.nullable]
    counts = [
        "count(*)",
        f"(SELECT count(*) FROM (SELECT 1 FROM {table.name} GROUP BY {key} HAVING count(*) > 1))",
        *(f'count("{name}")' for name in required),
        *(f"count(*) FILTER (WHERE {_is_dishonest(pair)})" for pair in pairs),
    ]
    # on a small table it is the statement that costs: one for all, and the shortest where there
    # are no rows to break anything (half of all tables, where only rollouts are read)
    if connection.execute(f"SELECT 1 FROM {table.name} LIMIT 1").fetchone() is None:
        found = (0,) * len(counts)
    else:
        found = connection.execute(f"SELECT {', '.join(counts)} FROM {table.name}").fetchone() or ()
    rows, duplicates, *numbers = found
    known, dishonest = numbers[: len(required)], numbers[len(required) :]
    checks = [
        _key(table, key, duplicates),
        _contract(
            table, {name: rows - n for name, n in zip(required, known, strict=True) if n < rows}
        ),
    ]
    if pairs:
        broken = {pair.value: n for pair, n in zip(pairs, dishonest, strict=True) if n}
        checks.append(_coverage(table, len(pairs), broken))
    return checks


def check_model(model: Model, connection: duckdb.DuckDBPyConnection) -> list[Check]:
    if model.header.internal:
        return []
    return check_table(model.table, connection, model.header.coverage)


def _is_dishonest(pair: Coverage) -> str:
    """SQL: whether a row's coverage breaks its bounds."""
    return (
        f'NOT coalesce("{pair.covered}" >= 0 AND "{pair.covered}" <= "{pair.total}" AND '
        f'("{pair.value}" IS NULL) = ("{pair.covered}" = 0), FALSE)'
    )


def _key(table: Table, key: str, duplicates: int) -> Check:
    return Check(
        "key_is_unique",
        table.name,
        duplicates == 0,
        f"{key} names each row; keys that occur more than once: {duplicates}",
        numbers={"duplicate_keys": duplicates},
    )


def _contract(table: Table, broken: dict[str, int]) -> Check:
    return Check(
        "contract_holds",
        table.name,
        not broken,
        "columns that are never NULL hold no NULL"
        + (f"; broken by {', '.join(sorted(broken))}" if broken else ""),
        numbers={"columns": len(table.published), **broken},
    )


def _coverage(table: Table, values: int, broken: dict[str, int]) -> Check:
    return Check(
        "coverage_is_honest",
        table.name,
        not broken,
        "0 <= covered <= total, and a value is NULL exactly where nothing is covered"
        + (f"; broken by {', '.join(sorted(broken))}" if broken else ""),
        numbers={"values": values, **broken},
    )


def coverage_sums(
    model: Model, connection: duckdb.DuckDBPyConnection
) -> dict[str, tuple[int, int]]:
    """(covered, total) over all rows of each value that has coverage."""
    pairs = model.header.coverage
    if not pairs:
        return {}
    sums = ", ".join(f'sum("{pair.covered}"), sum("{pair.total}")' for pair in pairs)
    row = connection.execute(f"SELECT {sums} FROM {model.name}").fetchone() or ()
    numbers = [int(number or 0) for number in row]
    return {pair.value: (numbers[2 * i], numbers[2 * i + 1]) for i, pair in enumerate(pairs)}


def _broken(law: int) -> str:
    """Threads that break a law, and the first of them; but for those that the user accepted."""
    return f"""
        SELECT
            count(*),
            array_to_string(list_slice(list(session_id ORDER BY session_id), 1, 3), ', ')
        FROM reconciliation
        WHERE
            NOT keeps_law_{law}
            AND rejected_lines = 0
            AND NOT list_contains(
                coalesce(getvariable('accepted_threads'), CAST([] AS VARCHAR[])), session_id
            )
    """


# name, table that it is shown with, blocking, description, SQL that counts violations (and may
# name some of them)
_ACROSS = (
    (
        "sums_agree",
        "derived_projects",
        True,
        "tokens of all projects = of all sessions = of all counted responses",
        """
        SELECT count(*) FROM (
            SELECT sum(input_tokens), sum(output_tokens), sum(total_tokens) FROM usage
            UNION
            SELECT sum(input_tokens), sum(output_tokens), sum(total_tokens)
            FROM derived_session_usage
            UNION
            SELECT sum(input_tokens), sum(output_tokens), sum(total_tokens) FROM derived_projects
        ) HAVING count(*) > 1
        """,
    ),
    (
        "threads_are_goals",
        "derived_goals",
        True,
        "every counted response belongs to one derived goal",
        """
        SELECT count(*) FROM (
            SELECT count(*), sum(total_tokens) FROM usage
            UNION
            SELECT coalesce(sum(responses), 0), sum(total_tokens) FROM derived_goals
        ) HAVING count(*) > 1
        """,
    ),
    (
        "no_orphan_usage",
        "usage",
        True,
        "every counted response belongs to a session",
        "SELECT count(*) FROM usage ANTI JOIN sessions USING (session_id)",
    ),
    (
        "every_usage_line_is_accounted_for",
        "usage_excluded",
        True,
        "counted and excluded rows are all usage-bearing lines, each once (law 4)",
        """
        SELECT abs(
            (SELECT count(*) FROM usage) + (SELECT count(*) FROM usage_excluded)
            - (SELECT count(*) FROM parsed_usage)
        )
        """,
    ),
    (
        "records_add_up",
        "reconciliation",
        True,
        "records of a thread without damaged lines add up to the CLI's own sum (law 1)",
        _broken(1),
    ),
    (
        "counters_add_up",
        "reconciliation",
        True,
        "counted steps of a thread without damaged lines add up to its counter (law 2)",
        _broken(2),
    ),
    (
        "differences_are_explained",
        "reconciliation",
        False,
        "every difference between our sum and the CLI's counter has an explanation",
        "SELECT count(*) FROM reconciliation WHERE unexplained_tokens <> 0",
    ),
    (
        "no_orphan_turns",
        "turns",
        True,
        "every turn belongs to a thread, and with usage of its own to a session",
        """
        SELECT
            (SELECT count(*) FROM turns ANTI JOIN threads USING (session_id))
            + (
                SELECT count(*) FROM turns ANTI JOIN sessions USING (session_id)
                WHERE in_rollouts
            )
        """,
    ),
    (
        "no_orphan_lines",
        "raw_lines",
        True,
        "every line belongs to a source",
        "SELECT count(*) FROM raw_lines ANTI JOIN raw_sources USING (source_id)",
    ),
    (
        "lines_are_complete",
        "raw_sources",
        True,
        "every source has as many rows in raw_lines as lines were read",
        """
        SELECT count(*) FROM raw_sources AS s
        LEFT JOIN (SELECT source_id, count(*) AS n FROM raw_lines GROUP BY source_id) AS l
        USING (source_id)
        WHERE s.lines <> coalesce(l.n, 0)
        """,
    ),
    (
        "every_entry_is_an_attempt",
        "attempts",
        True,
        "every entry that a ledger ever put is one attempt",
        """
        SELECT abs(
            (SELECT count(*) FROM attempts)
            - (SELECT count(DISTINCT (source_id, entry_id)) FROM parsed_ledger_entries)
        )
        """,
    ),
    (
        "goals_add_up",
        "summary",
        True,
        "closed work and its known cost: of all types = of all models = of all labels = of all",
        """
        SELECT count(*) FROM (
            SELECT count(*), coalesce(sum(cost_usd_known), 0) FROM effective_goals WHERE is_closed
            UNION
            SELECT closed_goals, coalesce(total_cost_usd, 0) FROM summary
            UNION
            SELECT coalesce(sum(closed_goals), 0), coalesce(sum(total_cost_usd), 0)
            FROM summary_by_goal_type
            UNION
            SELECT coalesce(sum(closed_goals), 0), coalesce(sum(total_cost_usd), 0)
            FROM summary_by_model
            UNION
            SELECT coalesce(sum(closed_goals), 0), coalesce(sum(total_cost_usd), 0)
            FROM summary_by_label
        ) HAVING count(*) > 1
        """,
    ),
    (
        "shares_add_up",
        "goal_threads",
        True,
        "the goals of each thread share it as a whole",
        """
        SELECT count(*) FROM (
            SELECT 1 FROM goal_threads GROUP BY session_id HAVING abs(sum(share) - 1) > 1e-9
        )
        """,
    ),
    (
        "ledgers_keep_their_rules",
        "goal_violations",
        False,
        "no line or record of a ledger breaks a rule of docs/ledger.md",
        "SELECT count(*) FROM goal_violations WHERE severity <> 'notice'",
    ),
)


def check_across(table: str, connection: duckdb.DuckDBPyConnection) -> list[Check]:
    """The checks over several tables that are shown with `table`."""
    found = []
    for name, shown_with, is_blocking, description, sql in _ACROSS:
        if shown_with == table:
            number, *named = connection.execute(sql).fetchone() or (0,)
            violations = int(number or 0)
            first = f" (first of them: {named[0]})" if violations and named else ""
            found.append(
                Check(
                    name,
                    table,
                    violations == 0,
                    f"{description}: {violations} violations{first}",
                    is_blocking,
                    {"violations": violations},
                )
            )
    if table == "parsed_rejects":
        found.append(_rejects(connection))
    return found


def across_names(table: str) -> list[tuple[str, bool, str]]:
    """(name, blocking, description) of what check_across gives for a table."""
    names = [(name, blocking, text) for name, with_, blocking, text, _ in _ACROSS if with_ == table]
    if table == "parsed_rejects":
        names.append(("rejects_within_bounds", False, "few lines are rejected"))
    return names


def _rejects(connection: duckdb.DuckDBPyConnection) -> Check:
    lines = _number(connection, "SELECT count(*) FROM raw_lines")
    rejected = _number(connection, "SELECT count(*) FROM parsed_rejects")
    share = rejected / lines if lines else 0.0
    return Check(
        "rejects_within_bounds",
        "parsed_rejects",
        share <= REJECTED_SHARE_WARNING,
        f"{rejected} of {lines} lines are rejected (a warning from "
        f"{REJECTED_SHARE_WARNING:.0%} on)",
        is_blocking=False,
        numbers={"rejected": rejected, "lines": lines, "share": share},
    )


def _number(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row and row[0] is not None else 0
