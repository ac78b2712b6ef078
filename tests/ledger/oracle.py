"""A second replay and summary of ledgers, in plain Python, from docs/ledger.md alone.

Belongs here: nothing of the warehouse is imported; floats and shortcuts of the warehouse are
avoided: sums are Fractions, chains are walked. Does not belong here: reading damaged lines
(ledgers given to it are valid).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

Record = dict[str, Any]

TOKENS = ("tokens_total", "input_tokens", "cached_input_tokens", "output_tokens")
MEASURES = ("cost_usd", *TOKENS)


class Oracle:
    """The state that a ledger's lines leave, and what follows from it."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.goals: dict[str, Record] = {}
        self.entries: dict[str, Record] = {}
        self.history: dict[str, list[tuple[int, str | None]]] = {}
        for number, line in enumerate(lines, 1):
            if line.strip():
                self._apply(json.loads(line, parse_float=Decimal), number)
        superseded = {goal["supersedes_goal_id"] for goal in self.goals.values()}
        self.effective = [
            self._effective(goal)
            for goal_id, goal in self.goals.items()
            if goal_id not in superseded
        ]

    # --- replay -----------------------------------------------------------------------------------

    def _apply(self, event: Record, number: int) -> None:
        kind = event["event_type"]
        touched: set[str] = set()
        if kind in ("goal_started", "goal_continued", "goal_finished", "goal_updated"):
            puts = [event.get("goal")]
        elif kind == "goals_merged":
            self._put(event.get("goal"), touched)
            self.goals.pop(event["dropped_goal_id"], None)
            touched.add(event["dropped_goal_id"])
            puts = event.get("goals") or []
        elif kind == "usage_synced":
            puts = [event.get("goal"), *(event.get("goals") or [])]
        else:
            return
        for goal in puts:
            self._put(goal, touched)
        for written in event.get("entries") or []:
            entry: Record = dict.fromkeys(
                ("failure_reason", "started_at", "finished_at", *MEASURES)
            )
            entry |= {"model": None, "agent_name": None, "inferred": False} | written
            entry["goal_id"] = written.get("goal_id", written.get("task_id"))
            entry["entry_type"] = written.get("entry_type", written.get("task_type", "update"))
            self.entries[entry["entry_id"]] = entry
        for goal_id in touched:
            status = self.goals[goal_id]["status"] if goal_id in self.goals else None
            self.history.setdefault(goal_id, []).append((number, status))

    def _put(self, written: Record | None, touched: set[str]) -> None:
        if written is None:
            return
        goal: Record = dict.fromkeys(("failure_reason", "started_at", "finished_at", *MEASURES))
        goal |= {"model": None, "agent_name": None, "result_fit": None} | written
        goal["goal_type"] = written.get("goal_type", written.get("task_type", "product"))
        goal["supersedes_goal_id"] = written.get(
            "supersedes_goal_id", written.get("supersedes_task_id")
        )
        self.goals[goal["goal_id"]] = goal
        touched.add(goal["goal_id"])

    # --- effective goals --------------------------------------------------------------------------

    def _effective(self, terminal: Record) -> Record:
        chain = [terminal]
        while (before := chain[-1]["supersedes_goal_id"]) in self.goals:
            chain.append(self.goals[before])
        found: Record = {
            name: terminal[name]
            for name in ("goal_id", "goal_type", "status", "failure_reason", "result_fit")
        }
        found["attempts"] = sum(goal["attempts"] for goal in chain)
        found["members"] = len(chain)
        times = [_time(goal["started_at"]) for goal in chain if goal["started_at"]]
        found["started_at"] = min(times, default=None)
        times = [_time(goal["finished_at"]) for goal in chain if goal["finished_at"]]
        found["finished_at"] = max(times, default=None)
        for name in MEASURES:
            known = [Fraction(goal[name]) for goal in chain if goal[name] is not None]
            total = sum(known, Fraction()) if known else None
            if name == "cost_usd" and total is not None:
                total = _half_up(total)
            found[f"{name}_known"] = total
            found[name] = total if len(known) == len(chain) else None
        models = [goal["model"] and goal["model"].strip() for goal in chain]
        found["model_complete"] = None not in models
        found["model_consistent"] = len({m for m in models if m is not None}) == 1
        both = found["model_complete"] and found["model_consistent"]
        found["model"] = models[0] if both else None
        return found


def block(ledgers: Sequence[Oracle]) -> Record:
    """The summary block over several ledgers."""
    goals = [goal for ledger in ledgers for goal in ledger.effective]
    closed = [goal for goal in goals if goal["status"] != "in_progress"]
    found = _block(closed)
    types = {
        name: _block([goal for goal in closed if goal["goal_type"] == name])
        for name in ("meta", "product", "retro")
    }
    found["by_goal_type"] = found["by_task_type"] = types
    found["by_model"] = {
        model: _block([goal for goal in closed if goal["model"] == model])
        for model in sorted({goal["model"] for goal in closed if goal["model"] is not None})
    }
    found["entries"] = _entries([e for ledger in ledgers for e in ledger.entries.values()])
    return dict(sorted(found.items()))


def _block(closed: list[Record]) -> Record:
    successes = [goal for goal in closed if goal["status"] == "success"]
    attempts = sum(goal["attempts"] for goal in closed)
    known_cost = _known(successes, "cost_usd_known")
    known_tokens = _known(successes, "tokens_total_known")
    complete_cost = _known(successes, "cost_usd")
    complete_tokens = _known(successes, "tokens_total")
    parts = ("input_tokens", "cached_input_tokens", "output_tokens")
    found = {
        "closed_tasks": len(closed),
        "successes": len(successes),
        "fails": len(closed) - len(successes),
        "total_attempts": attempts,
        "total_cost_usd": float(sum(_known(closed, "cost_usd_known"))),
        "total_input_tokens": sum(_known(closed, "input_tokens_known")),
        "total_cached_input_tokens": sum(_known(closed, "cached_input_tokens_known")),
        "total_output_tokens": sum(_known(closed, "output_tokens_known")),
        "total_tokens": sum(_known(closed, "tokens_total_known")),
        "success_rate": len(successes) / len(closed) if closed else None,
        "attempts_per_closed_task": attempts / len(closed) if closed else None,
        "known_cost_successes": len(known_cost),
        "known_token_successes": len(known_tokens),
        "known_token_breakdown_successes": sum(
            all(goal[f"{part}_known"] is not None for part in parts) for goal in successes
        ),
        "complete_cost_successes": len(complete_cost),
        "complete_token_successes": len(complete_tokens),
        "complete_token_breakdown_successes": sum(
            all(goal[part] is not None for part in parts) for goal in successes
        ),
        "known_cost_per_success_usd": _mean_usd(known_cost),
        "known_cost_per_success_tokens": _mean(known_tokens),
        "complete_cost_per_covered_success_usd": _mean_usd(complete_cost),
        "complete_cost_per_covered_success_tokens": _mean(complete_tokens),
        "cost_per_success_usd": (
            _mean_usd(complete_cost) if len(complete_cost) == len(successes) else None
        ),
        "cost_per_success_tokens": (
            _mean(complete_tokens) if len(complete_tokens) == len(successes) else None
        ),
        "model_summary_goals": sum(goal["model"] is not None for goal in closed),
        "model_complete_goals": sum(goal["model_complete"] for goal in closed),
        "mixed_model_goals": sum(
            goal["model_complete"] and not goal["model_consistent"] for goal in closed
        ),
    }
    return {name: _number(found[name]) for name in sorted(found)}


def _entries(entries: list[Record]) -> Record:
    closed = [entry for entry in entries if entry["status"] != "in_progress"]
    successes = [entry for entry in closed if entry["status"] == "success"]
    reasons: dict[str, int] = {}
    for entry in closed:
        if entry["status"] == "fail" and not entry["inferred"]:
            reason = entry["failure_reason"] or "other"
            reasons[reason] = reasons.get(reason, 0) + 1
    cost = sum(Fraction(cost) for cost in _known(closed, "cost_usd"))
    found = {
        "closed_entries": len(closed),
        "successes": len(successes),
        "fails": len(closed) - len(successes),
        "success_rate": len(successes) / len(closed) if closed else None,
        "total_cost_usd": float(_half_up(Fraction(cost))),
        "total_input_tokens": sum(_known(closed, "input_tokens")),
        "total_cached_input_tokens": sum(_known(closed, "cached_input_tokens")),
        "total_output_tokens": sum(_known(closed, "output_tokens")),
        "total_tokens": sum(_known(closed, "tokens_total")),
        "failure_reasons": dict(sorted(reasons.items())),
    }
    return dict(sorted(found.items()))


def _known(records: Iterable[Record], name: str) -> list[Any]:
    return [record[name] for record in records if record[name] is not None]


def _mean(values: list[Any]) -> float | None:
    return float(sum(values) / len(values)) if values else None


def _mean_usd(values: list[Any]) -> float | None:
    return float(_half_up(Fraction(sum(values)) / len(values))) if values else None


def _half_up(value: Fraction) -> Fraction:
    """To six places; ties away from zero."""
    millionths = int(abs(value) * 10**6 + Fraction(1, 2))
    return Fraction(millionths if value > 0 else -millionths, 10**6)


def _number(value: Any) -> Any:
    """Whole Fractions as int: token sums."""
    return int(value) if isinstance(value, Fraction) and value.denominator == 1 else value


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
