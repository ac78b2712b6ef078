"""The numbers of a reference implementation, value by value, on logs that it was given.

What is left out: titles and notes, which the warehouse does not keep.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from warehouse.ledger_block import compatible_block

LOGS = ("small", "mixed")
TEXTS = {"title", "notes"}

# names of the reference where ours differ
ENTRY_NAMES = {"inferred": "is_inferred", "task_id": "goal_id", "task_type": "entry_type"}
EFFECTIVE_NAMES = {
    "cost_complete": "is_cost_complete",
    "tokens_complete": "is_tokens_total_complete",
    "token_breakdown_complete": "is_token_breakdown_complete",
    "model_complete": "is_model_complete",
    "model_consistent": "is_model_consistent",
}


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest, logs: Path, replay: Callable[..., Any]) -> tuple[Any, Any]:
    """(replay of a log, what the reference made of it)"""
    name = request.param
    content = (logs / f"{name}.ndjson").read_bytes()
    return replay(content), json.loads((logs / f"{name}.summary.json").read_text())


def assert_same(ours: Any, theirs: Any, place: str) -> None:
    """Equal, USD and means within 1e-9; numbers stay numbers, null stays null."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), f"{place}: other names, or another order"
        for name in theirs:
            assert_same(ours[name], theirs[name], f"{place}.{name}")
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=0, abs=1e-9), place
    else:
        assert type(ours) is type(theirs), place
        assert ours == theirs, place


def test_block(log: tuple[Any, Any]) -> None:
    replayed, reference = log
    block = compatible_block(replayed.connection)
    assert_same(block, reference["summary"], "summary")
    printed = json.loads(json.dumps(block))
    assert_same(printed, reference["summary"], "summary")


@pytest.mark.parametrize(
    ("table", "theirs", "names"),
    [
        ("goals", "goals", {}),
        ("attempts", "entries", ENTRY_NAMES),
        ("effective_goals", "effective_goals", EFFECTIVE_NAMES),
    ],
)
def test_records(log: tuple[Any, Any], table: str, theirs: str, names: dict[str, str]) -> None:
    replayed, reference = log
    key = "entry_id" if table == "attempts" else "goal_id"
    ours = {row[key]: row for row in replayed.rows(f"SELECT * FROM {table}")}
    assert len(ours) == len(reference[theirs]) > 0
    for record in reference[theirs]:
        row = ours[record[key]]
        for name in record.keys() - TEXTS:
            expected = record[name]
            actual = row[names.get(name, name)]
            if name.endswith("_at") and expected is not None:
                expected = datetime.fromisoformat(expected)
            if isinstance(actual, Decimal):
                actual, expected = float(actual), float(expected)
                assert actual == pytest.approx(expected, rel=0, abs=1e-9), (record[key], name)
            else:
                assert actual == expected, (record[key], name)


def test_product_quality(log: tuple[Any, Any]) -> None:
    replayed, reference = log
    (ours,) = replayed.rows("SELECT * FROM product_quality")
    for name, expected in reference["product_quality"].items():
        actual = float(ours[name]) if isinstance(ours[name], Decimal) else ours[name]
        assert_same(actual, expected, name)


def test_audit(log: tuple[Any, Any]) -> None:
    replayed, reference = log
    ours = replayed.rows(
        "SELECT category, goal_id, goal_type, status, candidate_reason AS reason, "
        "suggested_result_fit, related_goal_id FROM goal_audit_candidates "
        "ORDER BY category_rank, goal_id"
    )
    theirs = reference["audit"]["candidates"]
    assert [{name: row[name] for name in row if name != "title"} for row in theirs] == [
        {name: row[name] for name in sorted(row)} for row in ours
    ]
