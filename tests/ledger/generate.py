"""Random ledgers, valid by docs/ledger.md: all event types, chains, merges, gaps, old spellings.

Belongs here: making events from a seed, as the tool that writes ledgers would. Does not belong
here: what they mean (oracle.py, and the warehouse).

Everything follows from (seed, goals): the same pair gives the same bytes.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

Record = dict[str, Any]

MODELS = ("gpt-5", "gpt-5.4", "gpt-5.4-mini", "claude-sonnet-4-6", " gpt-5 ")
REASONS = (
    "unclear_task",
    "missing_context",
    "validation_failed",
    "environment_issue",
    "model_mistake",
    "scope_too_large",
    "tooling_issue",
    "other",
)
TITLES = ("Fix the retry loop", "Räksmörgås ✓", "Partial follow-up", 'Quote " and \\ in title')
NOTES = (None, "n", "was not accepted", "What was done, and why. " * 70)
IGNORED = ("note_added", "goal_archived", "", "GOAL_STARTED")
OFFSETS = (0, None, 3, -5, 5.5)  # hours; None is written as Z
START = datetime(2026, 1, 1, 8, tzinfo=UTC)


def ledger(seed: int, goals: int) -> list[str]:
    """Lines of a ledger in which `goals` goals are started."""
    return _Writer(Random(seed)).write(goals)


class _Writer:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.lines: list[str] = []
        self.goals: dict[str, Record] = {}
        self.entries: dict[str, list[Record]] = {}
        self.superseded: set[str] = set()
        self.open: list[str] = []
        self.closed: list[str] = []  # in the order of their ends
        self.clock = START

    def write(self, goals: int) -> list[str]:
        for number in range(goals):
            self._start(number)
            while self.open and self.random.random() < 0.6:
                self._work_on(self.random.choice(self.open))
            if self.random.random() < 0.25:
                self._afterwards()
        for goal_id in list(self.open):
            if self.random.random() < 0.8:
                self._finish(goal_id)
        return self.lines

    # --- what people do ---------------------------------------------------------------------------

    def _start(self, number: int) -> None:
        random = self.random
        day = START + timedelta(days=number // 900)
        goal_id = f"{day:%Y-%m-%d}-{number % 900 + 1:03d}"
        goal: Record = {
            "goal_id": goal_id,
            "title": f"{random.choice(TITLES)} {number}",
            "goal_type": random.choice(("product", "product", "retro", "meta")),
            "supersedes_goal_id": self._predecessor(),
            "status": "in_progress",
            "attempts": 1,
            "started_at": self._time(),
            "finished_at": None,
            **self._measures(known=0.0),
            "failure_reason": None,
            "notes": random.choice(NOTES),
            "agent_name": random.choice((None, "codex")),
            "result_fit": None,
            "model": random.choice((None, *MODELS)),
        }
        self.goals[goal_id] = goal
        self.entries[goal_id] = [self._entry(goal, 1)]
        self.open.append(goal_id)
        self._event("goal_started", goal=goal, entries=self.entries[goal_id])

    def _predecessor(self) -> str | None:
        """Mostly none; else a closed goal, sometimes one that is superseded already (a fork)."""
        if self.random.random() < 0.7:
            return None
        closed = [goal_id for goal_id in self.closed[-40:] if goal_id in self.goals]
        fresh = [goal_id for goal_id in closed if goal_id not in self.superseded]
        candidates = closed if self.random.random() < 0.1 else fresh
        if not candidates:
            return None
        # recent ones, so that long chains come about
        found = candidates[-1 - min(len(candidates) - 1, int(self.random.expovariate(1)))]
        self.superseded.add(found)
        return found

    def _work_on(self, goal_id: str) -> None:
        if self.random.random() < 0.5:
            self._finish(goal_id)
            return
        goal, entries = self.goals[goal_id], self.entries[goal_id]
        self._close(entries[-1], success=False)
        goal["attempts"] += 1
        entries.append(self._entry(goal, goal["attempts"]))
        self._event("goal_continued", goal=goal, entries=entries)

    def _finish(self, goal_id: str) -> None:
        random = self.random
        goal = self.goals[goal_id]
        success = random.random() < 0.75
        self._close(goal, success)
        if goal["goal_type"] == "product" and random.random() < 0.6:
            goal["result_fit"] = random.choice(("exact_fit", "partial_fit")) if success else "miss"
        self._close(self.entries[goal_id][-1], success)
        self.open.remove(goal_id)
        self.closed.append(goal_id)
        with_entries = random.random() < 0.9
        self._event("goal_finished", goal=goal, entries=self.entries[goal_id] * with_entries)

    def _afterwards(self) -> None:
        choice = self.random.randrange(5)
        if choice == 0:
            self._update()
        elif choice == 1:
            self._sync()
        elif choice == 2:
            self._merge()
        elif choice == 3:
            self._event(self.random.choice(IGNORED), goal={"goal_id": "ignored-1"})
        else:
            self.lines.append(self.random.choice(("", "   ")))

    def _update(self) -> None:
        recent = [g for g in (*self.closed[-50:], *self.open[-50:]) if g in self.goals]
        goal = self.goals[self.random.choice(recent)]
        goal["title"] += " (edited)"
        goal["model"] = self.random.choice((None, *MODELS))
        self._event("goal_updated", goal=goal)

    def _sync(self) -> None:
        closed = [goal_id for goal_id in self.closed[-200:] if goal_id in self.goals]
        if not closed:
            return
        wanted = min(len(closed), self.random.randint(1, 3))
        chosen = [self.goals[goal_id] for goal_id in self.random.sample(closed, wanted)]
        for goal in chosen:
            goal.update(self._measures(known=0.9))
        entries = self.entries[chosen[0]["goal_id"]]
        # what comes later in an event replaces what it put before
        stale = {**chosen[0], "attempts": 99, "status": "in_progress"}
        stale_entry = {**entries[0], "status": "in_progress", "tokens_total": 1}
        if len(chosen) == 1:
            self._event("usage_synced", goal=chosen[0], entries=[stale_entry, *entries])
        else:
            self._event("usage_synced", goal=stale, goals=chosen, entries=entries)

    def _merge(self) -> None:
        """The kept goal takes over; who superseded the dropped one supersedes it instead."""
        closed = [
            goal_id
            for goal_id in self.closed[-200:]
            if goal_id in self.goals and self.goals[goal_id]["supersedes_goal_id"] is None
        ]
        if len(closed) < 2:
            return
        dropped, kept = self.random.sample(closed, 2)
        if kept in self.superseded:
            return
        if self.random.random() < 0.1:  # a goal merged into itself is gone, its entries are not
            self.entries.pop(kept)
            self._event("goals_merged", goal=self.goals.pop(kept), dropped_goal_id=kept)
            return
        gone = self.goals.pop(dropped)
        goal = self.goals[kept]
        goal["attempts"] += gone["attempts"]
        moved = self.entries.pop(dropped)
        for entry in moved:
            entry["goal_id"] = kept
        self.entries[kept] += moved
        heirs = []
        if dropped in self.superseded:
            heirs = [g for g in self.goals.values() if g["supersedes_goal_id"] == dropped]
        for heir in heirs:
            heir["supersedes_goal_id"] = kept
        if heirs:
            self.superseded.add(kept)
        self._event(
            "goals_merged",
            goal=goal,
            dropped_goal_id=dropped,
            goals=heirs,
            entries=self.entries[kept],
        )

    # --- records ----------------------------------------------------------------------------------

    def _entry(self, goal: Record, number: int) -> Record:
        return {
            "entry_id": f"{goal['goal_id']}-attempt-{number:03d}",
            "goal_id": goal["goal_id"],
            "entry_type": goal["goal_type"],
            "inferred": self.random.random() < 0.2,
            "status": "in_progress",
            "started_at": self._time(),
            "finished_at": None,
            **self._measures(known=0.0),
            "failure_reason": None,
            "notes": None,
            "agent_name": None,
            "model": self.random.choice((None, *MODELS)),
        }

    def _close(self, record: Record, success: bool) -> None:
        record["status"] = "success" if success else "fail"
        record["finished_at"] = self._time()
        record.update(self._measures(known=0.7))
        if not success:
            inferred = record.get("inferred", False)
            record["failure_reason"] = (
                None if inferred and self.random.random() < 0.5 else self.random.choice(REASONS)
            )

    def _measures(self, known: float) -> Record:
        """Cost and tokens, each known with a likelihood."""
        random = self.random
        parts = [random.choice((0, random.randrange(1, 500_000))) for _ in range(3)]
        costs = (0, 2, 0.1 + 0.2, 1.0000005, round(random.random() * 5, 12), random.random())
        values = {
            "cost_usd": random.choice(costs),
            "input_tokens": parts[0],
            "cached_input_tokens": parts[1],
            "output_tokens": parts[2],
            "tokens_total": sum(parts) + random.choice((0, random.randrange(1000))),
        }
        return {name: v if random.random() < known else None for name, v in values.items()}

    def _time(self) -> str:
        """Later than the time before, in any of the usual forms."""
        self.clock += timedelta(seconds=self.random.randrange(1, 2000))
        hours = self.random.choice(OFFSETS)
        if hours is None:
            return self.clock.isoformat().replace("+00:00", "Z")
        return self.clock.astimezone(timezone(timedelta(hours=hours))).isoformat()

    # --- lines ------------------------------------------------------------------------------------

    def _event(self, event_type: str, **parts: Any) -> None:
        event: Record = {"event_type": event_type, "ts": self._time()}
        for name, value in parts.items():
            if isinstance(value, list):
                if value or self.random.random() < 0.5:
                    event[name] = [self._spelled(record) for record in value]
            else:
                event[name] = self._spelled(value) if isinstance(value, dict) else value
        self.lines.append(json.dumps(event, ensure_ascii=self.random.random() < 0.5))

    def _spelled(self, record: Record) -> Record:
        """The record as some version of the tool would write it."""
        random = self.random
        written = {
            name: value
            for name, value in record.items()
            # optional fields may be left out where they are null (or false)
            if value or (value == 0 and value is not False) or random.random() < 0.9
        }
        is_entry = "entry_id" in record
        if random.random() < 0.1:
            old = (
                {"entry_type": "task_type", "goal_id": "task_id"}
                if is_entry
                else {
                    "goal_type": "task_type",
                    "supersedes_goal_id": "supersedes_task_id",
                }
            )
            written = {old.get(name, name): value for name, value in written.items()}
        elif not is_entry and written.get("goal_type") == "product" and random.random() < 0.1:
            del written["goal_type"]
        return written
