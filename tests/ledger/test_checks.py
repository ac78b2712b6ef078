"""The checks over goal tables: they hold for ledgers as they are, and fail for broken tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.ledger.generate import ledger
from warehouse import resources
from warehouse.checks import across_names, check_across, check_model
from warehouse.models import load_models

SHOWN_WITH = ("attempts", "summary", "goal_threads", "goal_violations")


@pytest.fixture
def replayed(replay: Callable[..., Any]) -> Any:
    """A ledger with a line of every kind of trouble, and one without any."""
    goal = '{"event_type": "goal_updated", "goal": {"goal_id": "x", "status": "fail", "attempts":'
    bad = [
        '{"event_type": "goal_updated", "goal": {}}',
        '{"event_type": "goal_updated", "entries": [5]}',
        "no event",
        f'{goal} 0, "cost_usd": NaN, "supersedes_goal_id": "x"}}}}',
        f'{goal} 1, "started_at": "2026-01-01"}}}}',
    ]
    return replay(
        ann="".join(line + "\n" for line in [*ledger(3, 60), *bad]),
        bob="".join(line + "\n" for line in ledger(4, 20)),
    )


def outcomes(replayed: Any) -> dict[str, bool]:
    return {
        check.name: check.passed
        for table in SHOWN_WITH
        for check in check_across(table, replayed.connection)
    }


def test_checks_hold(replayed: Any) -> None:
    """But for the rules that ann's ledger breaks, which warns and does not block."""
    assert outcomes(replayed) == {
        "every_entry_is_an_attempt": True,
        "goals_add_up": True,
        "shares_add_up": True,
        "ledgers_keep_their_rules": False,
    }
    ((_, is_blocking, _),) = across_names("goal_violations")
    assert not is_blocking


def test_every_goal_table_keeps_its_contract(replayed: Any) -> None:
    for model in load_models(resources.sql_folder()):
        tables = replayed.rows(f"SELECT 1 FROM duckdb_tables() WHERE table_name = '{model.name}'")
        if tables:
            for check in check_model(model, replayed.connection):
                assert check.passed, (model.name, check.description)


@pytest.mark.parametrize(
    ("damage", "broken"),
    [
        ("DELETE FROM attempts WHERE attempt_number = 1", "every_entry_is_an_attempt"),
        ("UPDATE summary_by_model SET closed_goals = closed_goals + 1", "goals_add_up"),
        ("UPDATE summary_by_goal_type SET total_cost_usd = 0", "goals_add_up"),
        ("DELETE FROM summary_by_label WHERE label_group = 'bob'", "goals_add_up"),
        (
            "INSERT INTO goal_threads BY NAME SELECT 't' AS session_id, 0.9 AS share",
            "shares_add_up",
        ),
    ],
)
def test_checks_fail_for_broken_tables(damage: str, broken: str, replayed: Any) -> None:
    assert outcomes(replayed)[broken]
    replayed.connection.execute(damage)
    assert not outcomes(replayed)[broken]
