"""Random ledgers, replayed by the warehouse and by a second, independent implementation."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ledger import oracle
from tests.ledger.generate import ledger
from warehouse.ledger_block import compatible_block

ORACLE_GOALS = {
    "goal_type": "goal_type",
    "status": "status",
    "attempts": "attempts",
    "supersedes_goal_id": "supersedes_goal_id",
    "failure_reason": "failure_reason",
    "result_fit": "result_fit",
    "agent_name": "agent_name",
    "model": "model",
    **{name: name for name in oracle.MEASURES},
}
ORACLE_ENTRIES = {
    "goal_id": "goal_id",
    "entry_type": "entry_type",
    "inferred": "is_inferred",
    "status": "status",
    "failure_reason": "failure_reason",
    "model": "model",
    **{name: name for name in oracle.MEASURES},
}
ORACLE_EFFECTIVE = {
    "goal_type": "goal_type",
    "status": "status",
    "failure_reason": "failure_reason",
    "result_fit": "result_fit",
    "attempts": "attempts",
    "members": "members",
    "started_at": "started_at",
    "finished_at": "finished_at",
    "model": "model",
    "model_complete": "is_model_complete",
    "model_consistent": "is_model_consistent",
    **{name: name for name in oracle.MEASURES},
    **{f"{name}_known": f"{name}_known" for name in oracle.MEASURES},
}


def assert_equal(seed: int, goals: int, replay: Callable[..., Any]) -> None:
    lines = ledger(seed, goals)
    truth = oracle.Oracle(lines)
    replayed = replay("".join(line + "\n" for line in lines))

    def compare(table: str, key: str, expected: dict[str, Any], names: dict[str, str]) -> None:
        actual = {row[key]: row for row in replayed.rows(f"SELECT * FROM {table}")}
        assert actual.keys() == expected.keys()
        for name, ours in names.items():
            for record_id, record in expected.items():
                assert same(actual[record_id][ours], record[name]), (seed, goals, record_id, name)

    compare("goals", "goal_id", truth.goals, ORACLE_GOALS)
    compare("attempts", "entry_id", truth.entries, ORACLE_ENTRIES)
    effective = {goal["goal_id"]: goal for goal in truth.effective}
    compare("effective_goals", "goal_id", effective, ORACLE_EFFECTIVE)

    history: dict[str, list[tuple[int, str | None]]] = {}
    for row in replayed.rows("SELECT * FROM goal_history ORDER BY goal_id, history_index"):
        history.setdefault(row["goal_id"], []).append((row["line_number"], row["status"]))
    assert history == truth.history

    assert compatible_block(replayed.connection) == oracle.block([truth])
    # the one thing wrong with valid ledgers: entries outlive a goal that was merged into itself
    found = replayed.rows("SELECT * FROM goal_violations WHERE severity <> 'notice'")
    orphans = {key for key, entry in truth.entries.items() if entry["goal_id"] not in truth.goals}
    assert {(row["record_id"], row["rule"]) for row in found} == {
        (entry_id, "no_such_goal") for entry_id in orphans
    }


def same(ours: Any, truth: Any) -> bool:
    """Money to the 18 places that the tables keep; everything else exactly."""
    if isinstance(ours, Decimal) and truth is not None:
        return abs(Fraction(ours) - Fraction(truth)) <= Fraction(1, 10**18)
    return bool(ours == truth)


@given(seed=st.integers(0, 2**32), goals=st.integers(1, 80))
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_small_ledgers(seed: int, goals: int, replay: Callable[..., Any]) -> None:
    assert_equal(seed, goals, replay)


@pytest.mark.parametrize("goals", [10, 1000])
def test_ledgers_of_a_size(goals: int, replay: Callable[..., Any]) -> None:
    assert_equal(7, goals, replay)


@pytest.mark.slow
def test_largest_ledger(replay: Callable[..., Any]) -> None:
    """Sums, and what they rest on; not every field of every record again."""
    lines = ledger(8, 20_000)
    truth = oracle.Oracle(lines)
    replayed = replay("".join(line + "\n" for line in lines))
    goals = replayed.rows("SELECT goal_id, status FROM goals")
    assert {row["goal_id"]: row["status"] for row in goals} == {
        goal_id: goal["status"] for goal_id, goal in truth.goals.items()
    }
    effective = replayed.rows("SELECT goal_id, members FROM effective_goals")
    assert {row["goal_id"]: row["members"] for row in effective} == {
        goal["goal_id"]: goal["members"] for goal in truth.effective
    }
    assert compatible_block(replayed.connection) == oracle.block([truth])


def test_generator_makes_everything() -> None:
    """What the tests above rest on: each of these shapes occurs, and often."""
    text = "\n".join(ledger(7, 1000))
    truth = oracle.Oracle(text.split("\n"))
    for wanted in (
        "goal_started",
        "goal_continued",
        "goal_finished",
        "goal_updated",
        "usage_synced",
        "goals_merged",
        "note_added",
        "task_type",
        "task_id",
        "supersedes_task_id",
        '"goals": [{',
    ):
        assert text.count(wanted) > 5, wanted
    superseded = [g["supersedes_goal_id"] for g in truth.goals.values() if g["supersedes_goal_id"]]
    assert len(superseded) > len(set(superseded)), "no fork"
    assert max(goal["members"] for goal in truth.effective) >= 4
    assert {goal["model_consistent"] for goal in truth.effective} == {True, False}
    costs = [(goal["cost_usd"], goal["cost_usd_known"]) for goal in truth.effective]
    assert any(cost is None and known is not None for cost, known in costs)
    assert len({goal["status"] for goal in truth.goals.values()}) == 3


def test_several_ledgers_stay_apart_and_add_up(replay: Callable[..., Any]) -> None:
    """The same goal ids in each; no goal reaches over to another ledger."""
    contents = {name: ledger(seed, 60) for seed, name in enumerate(("ann", "bob", "cleo"))}
    truths = {name: oracle.Oracle(lines) for name, lines in contents.items()}
    replayed = replay(
        **{name: "".join(line + "\n" for line in lines) for name, lines in contents.items()}
    )
    assert compatible_block(replayed.connection) == oracle.block(list(truths.values()))
    by_label = replayed.rows("SELECT label, count(*) AS goals FROM goals GROUP BY label")
    assert {row["label"]: row["goals"] for row in by_label} == {
        name: len(truth.goals) for name, truth in truths.items()
    }
    for name, truth in truths.items():
        from warehouse.ledger_block import Choice

        assert compatible_block(replayed.connection, Choice(label=name)) == oracle.block([truth])
