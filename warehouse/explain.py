"""What `rollhouse explain` tells of one thread, as plain data.

Belongs here: every usage line of a thread with the verdict on it, in words, and what the
lines come to. Does not belong here: the verdicts themselves (sql/), and layout (pages.py).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from warehouse.errors import RollhouseError, UsageError
from warehouse.overview import TOKENS, all_rows, asking
from warehouse.wording import count

if TYPE_CHECKING:
    import duckdb

    from warehouse.settings import Settings

Record = dict[str, Any]

# Why a line counts, and why it does not: docs/accounting.md in a few words each.
BASES = {
    "record": "record of the response",
    "last": "counter of the response",
    "delta": "step of the whole counter",
}
REASONS = {
    "no_info": "no usage in the line",
    "duplicate_file": "same line as in another file",
    "estimate": "estimate, no response",
    "unchanged_total": "repeat, counter stood still",
    "inherited": "copied from another thread",
    "unplaced": "own or copied, not known",
    "has_record": "its turn counts by records",
    "duplicate_record": "response is counted already",
}
RULES = {
    "history_start_ordinal": "the file names the first own line (its ordinal)",
    "own_settings": "the first settings that name this thread",
    "turn_id_time": "the first turn whose id is younger than the thread",
    "unknown_turn_id": "the first turn that the source thread does not have",
    "equal_payloads": "the first line that differs from the source thread's",
    "started_at": "the first turn that started after the thread was made",
    "pause": "a pause of 10 seconds (a guess: copied lines before it are unplaced)",
}
INHERITANCES = {
    "none": "nothing is inherited",
    "ordinal": "begins with a copy of another thread's lines",
    "reference": "inherits from another file without a copy",
    "copy": "begins with a copy of another thread's lines",
    "migration": "begins with a copy of another thread's lines",
}
CANDIDATES_SHOWN = 5


class UnknownThreadError(RollhouseError):
    """The warehouse has no such thread or turn."""


def explain(settings: Settings, thread: str, turn: int | None = None) -> Record:
    """`thread`, its `files`, the `lines` in file order, their `sums`, `reconciliation`.

    `thread` may be the beginning of an id. Raises UnknownThreadError if nothing is known of
    it or of the turn, UsageError if it means several threads.
    """
    with asking(settings) as connection:
        session_id = _find(connection, thread)
        files = all_rows(connection, _FILES, session_id=session_id)
        lines = all_rows(connection, _LINES, session_id=session_id)
        if turn is not None:
            (known,) = all_rows(connection, _TURNS, session_id=session_id)
            if not 1 <= turn <= known["turns"]:
                raise UnknownThreadError(
                    f"thread {session_id} has {count(known['turns'], 'turn')}, and no turn {turn}"
                )
            lines = [line for line in lines if line["turn_index"] == turn]
        (reconciled,) = all_rows(connection, _RECONCILIATION, session_id=session_id)
    for file in files:
        file["meaning"] = INHERITANCES.get(file["inheritance"])
        file["placed_by_meaning"] = RULES.get(file["placed_by"])
    for line in lines:
        line["meaning"] = BASES[line["basis"]] if line["is_counted"] else REASONS[line["reason"]]
    return {
        "session_id": session_id,
        "turn": turn,
        "files": files,
        "lines": lines,
        "sums": _sums(session_id, lines),
        "reconciliation": reconciled,
    }


def _find(connection: duckdb.DuckDBPyConnection, thread: str) -> str:
    """The one thread whose id is, or begins with, what was asked for."""
    wanted = thread.strip().lower()
    if not wanted:
        raise UsageError("there is no thread; write an id, or how one begins")
    found = [
        row["session_id"]
        for row in all_rows(
            connection,
            "SELECT session_id FROM sessions WHERE starts_with(lower(session_id), $wanted) "
            "ORDER BY lower(session_id) <> $wanted, session_id",
            wanted=wanted,
        )
    ]
    if not found:
        raise UnknownThreadError(
            f"no thread begins with {thread}; "
            'rollhouse query "SELECT session_id, created_at, cwd FROM sessions" lists them'
        )
    if len(found) > 1 and found[0].lower() != wanted:
        listed = "".join(f"\n  {session_id}" for session_id in found[:CANDIDATES_SHOWN])
        more = len(found) - CANDIDATES_SHOWN
        raise UsageError(
            f"{len(found)} threads begin with {thread}; write more of the id:{listed}"
            + (f"\n  and {more:,} more" if more > 0 else "")
        )
    return str(found[0])


def _sums(session_id: str, lines: list[Record]) -> Record:
    """What the lines come to: counted ones, and those left out, by reason."""
    counted = [line for line in lines if line["is_counted"] and line["session_id"] == session_id]
    left_out: dict[str, list[Record]] = {}
    for line in lines:
        if not line["is_counted"]:
            left_out.setdefault(line["reason"], []).append(line)
    return {
        "counted": {
            "responses": len(counted),
            **{name: _sum(counted, name) for name in (*TOKENS, "cost_usd")},
            "cost_covered_responses": sum(line["cost_usd"] is not None for line in counted),
        },
        "excluded": [
            {
                "reason": reason,
                "meaning": REASONS[reason],
                "lines": len(of_reason),
                "total_tokens": _sum(of_reason, "total_tokens"),
            }
            for reason, of_reason in left_out.items()
        ],
        "counted_elsewhere": sum(
            line["is_counted"] and line["session_id"] != session_id for line in lines
        ),
    }


def _sum(lines: list[Record], name: str) -> int | Decimal | None:
    """The sum of what is known; None where nothing is."""
    known = [line[name] for line in lines if line[name] is not None]
    return sum(known) if known else None


_TURNS = "SELECT turns FROM sessions WHERE session_id = $session_id"

_RECONCILIATION = "SELECT * EXCLUDE session_id FROM reconciliation WHERE session_id = $session_id"

# The thread's own files, the oldest first, then others that hold copies of its lines.
_FILES = """
    WITH
    places AS (
        SELECT source_id FROM lineage WHERE session_id = $session_id
        UNION
        SELECT source_id FROM usage WHERE session_id = $session_id
        UNION
        SELECT source_id FROM usage_excluded WHERE session_id = $session_id
    ),
    metas AS (
        SELECT source_id, arg_min(created_at, line_number) AS created_at
        FROM parsed_session_meta
        GROUP BY source_id
    )
    SELECT
        row_number() OVER (
            ORDER BY
                lineage.session_id <> $session_id,
                metas.created_at,
                raw_sources.path,
                lineage.source_id
        ) AS file,
        lineage.session_id = $session_id AS is_own,
        lineage.source_id,
        raw_sources.path,
        raw_sources.state,
        lineage.session_id,
        lineage.inheritance,
        lineage.inherits_from_id,
        lineage.inherited_from_line,
        lineage.own_from_line,
        lineage.placed_by,
        lineage.is_placed
    FROM places
    INNER JOIN lineage ON places.source_id = lineage.source_id
    INNER JOIN raw_sources ON places.source_id = raw_sources.source_id
    LEFT JOIN metas ON places.source_id = metas.source_id
    ORDER BY file
"""

# A line that is left out belongs to the turn that it names; where turns have no ids, to the
# one that began last before it. Copied counters belong to turns of another thread.
_LINES = f"""
    WITH
    files AS ({_FILES}),
    own_turns AS (
        SELECT session_id, turn_index, turn_id, source_id, line_number
        FROM turns
        WHERE session_id = $session_id
    ),
    lines AS (
        SELECT
            session_id, source_id, line_number, byte_offset, responded_at AS recorded_at,
            turn_index, turn_id, TRUE AS is_counted, basis, model,
            {", ".join(TOKENS)}, cost_usd, rate_id, price_tier, price_band, price_confidence
        FROM usage
        UNION ALL BY NAME
        SELECT
            session_id, source_id, line_number, byte_offset, recorded_at,
            turn_id, FALSE AS is_counted, reason, {", ".join(TOKENS)},
            reason <> 'inherited' OR usage_kind = 'token_usage_record' AS is_of_own_turn
        FROM usage_excluded
    )
    SELECT
        files.file,
        files.path,
        lines.source_id,
        lines.line_number,
        lines.byte_offset,
        lines.session_id,
        CASE
            WHEN lines.is_counted THEN lines.turn_index
            WHEN NOT lines.is_of_own_turn THEN NULL
            WHEN lines.turn_id IS NULL THEN begun.turn_index
            ELSE named.turn_index
        END AS turn_index,
        lines.turn_id,
        lines.recorded_at,
        lines.is_counted,
        lines.basis,
        lines.reason,
        lines.model,
        {", ".join(f"lines.{name}" for name in TOKENS)},
        lines.cost_usd,
        lines.rate_id,
        lines.price_tier,
        lines.price_band,
        lines.price_confidence
    FROM lines
    INNER JOIN files ON lines.source_id = files.source_id
    LEFT JOIN own_turns AS named
        ON lines.session_id = named.session_id AND lines.turn_id = named.turn_id
    ASOF LEFT JOIN own_turns AS begun
        ON lines.source_id = begun.source_id AND lines.line_number >= begun.line_number
    WHERE files.is_own OR lines.session_id = $session_id
    ORDER BY files.file, lines.line_number
"""
