"""Ledger lines to rows: every record that an event puts, and every goal that it removes.

Belongs here: the order of an event's operations, and one row for each of them. Does not
belong here: what is left after all events (sql/session/goals.sql replays them).

A line in its usual form is decoded once into typed structs (shapes.py). Whatever is unusual
about it (a wrong type, NaN, a time without offset, an id that is none) sends the whole line
the careful way (records.py), which judges each record for itself: the good ones get their
rows, the others one in parsed_ledger_rejects.

Titles and notes are texts of users: only their lengths are kept, and whether they hold one of
the words that hint at a correction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

import msgspec

from warehouse.sources.base import Rows
from warehouse.sources.ledger import shapes as s

TABLES: tuple[str, ...] = (
    "raw_lines",
    "parsed_rejects",
    "parsed_ledger_events",
    "parsed_ledger_goals",
    "parsed_ledger_removals",
    "parsed_ledger_entries",
    "parsed_ledger_rejects",
)

# Of every event that is replayed, `goal` goes first and `entries` go last; some have more.
_REMOVES = frozenset({"goals_merged"})  # dropped_goal_id, next after `goal`
_PUTS_GOALS = frozenset({"goals_merged", "usage_synced"})  # goals, then
EVENT_TYPES = _PUTS_GOALS | {"goal_started", "goal_continued", "goal_finished", "goal_updated"}

_CORRECTION_HINT = re.compile("retry|not accepted|partial|missing|unclear").search

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MONEY = Context(prec=38)
_LEAST, _MOST = Decimal(-s.LIMIT), Decimal(s.LIMIT)
_REMEMBERED = 100_000  # times and ids that are kept, since most of them occur again and again

Row = tuple[object, ...]
_UNREADABLE = (
    msgspec.MsgspecError,
    ArithmeticError,  # of Decimal
    ValueError,
    RecursionError,
)


class _Unusual(ValueError):
    """The fast way does not know what to make of a value."""


class _Found:
    """What one line gave."""

    __slots__ = ("at", "entries", "goals", "is_event", "kind", "rejects", "removals")

    def __init__(self, at: bytes | None = None, kind: str | None = None) -> None:
        self.at = at
        self.kind = kind
        self.is_event = True
        self.goals: list[Row] = []
        self.removals: list[Row] = []
        self.entries: list[Row] = []
        self.rejects: list[Row] = []


class LedgerParser:
    """Parser of one worker. Row tuples follow the contracts' column order."""

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(s.Event).decode
        self._times: dict[str, int] = {}
        self._ids: set[str | None] = {None}

    def parse(self, lines: list[bytes], line_number: int, offset: int, rows: Rows) -> None:
        """See `sources.base.Parser`."""
        raw = rows["raw_lines"].append
        events = rows["parsed_ledger_events"].append
        for line in lines:
            try:
                found = self._plain(line, line_number)
            except _UNREADABLE:
                found = self._careful(line, line_number, offset, rows)
            at, kind = found.at, found.kind
            raw((line_number, offset, len(line), at, None, kind, None, None, None))
            if found.is_event:
                goals, removals, entries = found.goals, found.removals, found.entries
                is_replayed = kind in EVENT_TYPES
                counts = len(goals), len(removals), len(entries), len(found.rejects)
                events((line_number, at, kind, is_replayed, *counts))
                rows["parsed_ledger_goals"] += goals
                rows["parsed_ledger_removals"] += removals
                rows["parsed_ledger_entries"] += entries
                rows["parsed_ledger_rejects"] += found.rejects
            line_number += 1
            offset += len(line) + 1
        if len(self._times) > _REMEMBERED:
            self._times.clear()
        if len(self._ids) > _REMEMBERED:
            self._ids = {None}

    def parse_file(self, path: str, rows: Rows) -> int:
        """No ledger is read as a whole."""
        raise NotImplementedError(path)

    # --- the fast way -----------------------------------------------------------------------------

    def _plain(self, line: bytes, line_number: int) -> _Found:
        """Operations of an event in its usual form, in the order of the replay."""
        event = self._decode(line)
        kind = event.event_type
        at = None if event.ts is None else event.ts.encode()
        if kind not in EVENT_TYPES:
            return _Found(at, _name(kind))
        found = _Found(at, kind)
        position = 0
        if event.goal is not None:
            position = 1
            found.goals.append(self._goal(event.goal, line_number, 1))
        if kind in _REMOVES and event.dropped_goal_id is not None:
            position += 1
            self._check_id(event.dropped_goal_id)
            found.removals.append((line_number, position, event.dropped_goal_id))
        if kind in _PUTS_GOALS:
            for goal in event.goals or ():
                position += 1
                found.goals.append(self._goal(goal, line_number, position))
        for entry in event.entries or ():
            position += 1
            found.entries.append(self._entry(entry, line_number, position))
        return found

    def _goal(self, g: s.Goal, line_number: int, position: int, oddities: str | None = None) -> Row:
        goal_id = g.goal_id
        goal_type = g.goal_type or g.task_type or s.DEFAULT_GOAL_TYPE
        supersedes = g.supersedes_goal_id or g.supersedes_task_id
        thread_id = g.thread_id or g.codex_thread_id or g.session_id
        if goal_id is None or g.status is None or g.attempts is None:
            raise _Unusual
        if goal_type not in s.GOAL_TYPES:
            raise _Unusual
        ids = self._ids
        if goal_id not in ids or supersedes not in ids or thread_id not in ids:
            self._check_id(goal_id)
            self._check_id(supersedes)
            self._check_id(thread_id)
        title, notes = g.title, g.notes
        return (
            line_number,
            position,
            goal_id,
            goal_type,
            supersedes,
            g.status,
            g.attempts,
            *self._measures(g),
            g.result_fit,
            thread_id,
            None if title is None else len(title),
            None if notes is None else len(notes),
            _hints(title) or _hints(notes),
            oddities,
        )

    def _entry(
        self, e: s.Entry, line_number: int, position: int, oddities: str | None = None
    ) -> Row:
        entry_id = e.entry_id
        goal_id = e.goal_id or e.task_id
        entry_type = e.entry_type or e.task_type or s.DEFAULT_ENTRY_TYPE
        thread_id = e.thread_id or e.codex_thread_id or e.session_id
        if entry_id is None or goal_id is None or e.status is None:
            raise _Unusual
        ids = self._ids
        if entry_id not in ids or goal_id not in ids or entry_type not in ids:
            self._check_id(entry_id)
            self._check_id(goal_id)
            self._check_id(entry_type)
        if thread_id not in ids:
            self._check_id(thread_id)
        notes = e.notes
        return (
            line_number,
            position,
            entry_id,
            goal_id,
            entry_type,
            e.inferred or False,
            e.status,
            *self._measures(e),
            thread_id,
            None if notes is None else len(notes),
            oddities,
        )

    def _measures(self, r: s.Record) -> Row:
        """Times, money, tokens, reason and names, which goals and entries share."""
        cost = r.cost_usd
        if cost is not None:
            if not _LEAST < cost < _MOST:
                raise _Unusual
            cost = _MONEY.quantize(cost, s.COST_DECIMALS)
        agent, model = r.agent_name, r.model
        if agent is not None and not agent.strip():
            raise _Unusual
        if model is not None and not model.strip():
            raise _Unusual
        times = self._times
        started, finished = r.started_at, r.finished_at
        return (
            None if started is None else times.get(started) or self._time(started),
            None if finished is None else times.get(finished) or self._time(finished),
            cost,
            r.input_tokens,
            r.cached_input_tokens,
            r.output_tokens,
            r.tokens_total,
            r.failure_reason,
            agent,
            model,
        )

    def _time(self, text: str) -> int:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None or not 1 < moment.year < 9999:
            raise _Unusual
        us = self._times[text] = (moment - _EPOCH) // _MICROSECOND
        return us

    def _check_id(self, text: str | None) -> None:
        if text not in self._ids:
            if not s.is_id(text):
                raise _Unusual
            self._ids.add(text)

    # --- the careful way --------------------------------------------------------------------------

    def _careful(self, line: bytes, line_number: int, offset: int, rows: Rows) -> _Found:
        """Operations of an unusual event: as many of its records as can be used."""
        from warehouse.sources.ledger import records  # loads pydantic, which few lines need

        found = _Found()
        try:
            if not line.strip():  # a blank line says nothing, and breaks nothing
                found.is_event = False
                return found
            event = records.load(line)
        except records.Rejected as reject:
            found.is_event = False
            rows["parsed_rejects"].append(
                (line_number, offset, len(line), reject.rule, reject.error)
            )
            return found
        ts = event.get("ts")
        found.at = ts.encode("utf-8", "replace") if isinstance(ts, str) else None
        found.kind = _name(event.get("event_type"))
        for position, (part, value) in enumerate(_operations(event, found.kind), 1):
            place = (line_number, position)
            oddities: records.Oddities = []
            try:
                if part == "dropped_goal_id":
                    found.removals.append((*place, records.check_id(value, part)))
                elif part == "entries":
                    entry = records.check(records.AttemptEntryRecord, value, oddities)
                    fields = s.Entry(**entry.model_dump())
                    found.entries.append(self._entry(fields, *place, _joined(oddities)))
                else:
                    goal = records.check(records.GoalRecord, value, oddities)
                    record = s.Goal(**goal.model_dump())
                    found.goals.append(self._goal(record, *place, _joined(oddities)))
            except records.Rejected as reject:
                found.rejects.append((*place, part, reject.rule, reject.error))
        if found.rejects:
            _, _, where, rule, problem = found.rejects[0]
            others = len(found.rejects) - 1
            more = f" (and {others} more of its records)" if others else ""
            rows["parsed_rejects"].append(
                (line_number, offset, len(line), rule, f"{where}: {problem}{more}")
            )
        return found


def _operations(event: dict[str, Any], kind: str | None) -> Iterator[tuple[str, object]]:
    """(part of the event, record or id) in the order of the replay."""
    if kind not in EVENT_TYPES:
        return
    for part in ("goal", "dropped_goal_id", "goals", "entries"):
        value = event.get(part)
        if value is None:
            continue
        if part == "dropped_goal_id" and kind not in _REMOVES:
            continue
        if part == "goals" and kind not in _PUTS_GOALS:
            continue
        if part in ("goals", "entries") and isinstance(value, list):
            yield from ((part, record) for record in value)
        else:
            yield part, value


def _name(kind: object) -> str | None:
    """An event's type, unless it could be a text."""
    return kind if s.is_id(kind) else None


def _joined(oddities: list[str]) -> str | None:
    return ",".join(sorted(oddities)) or None


def _hints(text: str | None) -> bool:
    return text is not None and _CORRECTION_HINT(text.lower()) is not None
