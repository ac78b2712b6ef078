"""What threads of the recordings did, against a count with plain json, and without doubles.

Belongs here: the tables messages, reasoning, tool_calls, commands, patches and events over
whole Codex homes. Does not belong here: single rules (tests/sql/session), single lines.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.accounting.building import count, counted
from tests.sources.codex.test_recordings import SCENARIOS, contents

TABLES = ("messages", "agent_messages", "reasoning", "tool_calls", "commands", "patches", "events")


@pytest.fixture(scope="module", params=SCENARIOS)
def scenario(
    request: pytest.FixtureRequest, recordings: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, duckdb.DuckDBPyConnection]]:
    home = recordings / str(request.param) / "codex_home"
    warehouse = count(tmp_path_factory.mktemp("home"), home)
    with counted(warehouse, *TABLES) as connection:
        yield home, connection


def plain_threads(home: Path) -> dict[str, list[dict[str, Any]]]:
    """Lines of the threads that inherit nothing and have one file."""
    threads: dict[str, list[list[dict[str, Any]]]] = {}
    for content in contents(home):
        lines = [json.loads(line) for line in content.splitlines()]
        threads.setdefault(lines[0]["payload"]["id"], []).append(lines)
    marks = ("forked_from_id", "history_base", "subagent_history_start_ordinal")
    return {
        thread: files[0]
        for thread, files in threads.items()
        if len(files) == 1
        and sum(line["type"] == "session_meta" for line in files[0]) == 1
        and not any(files[0][0]["payload"].get(mark) is not None for mark in marks)
    }


def expected(lines: list[dict[str, Any]]) -> Counter[str]:
    found: Counter[str] = Counter()
    answered = set()
    for line in lines:
        payload = line["payload"]
        kind = payload.get("type")
        item = payload["item"]["type"] if kind == "item_completed" else None
        if line["type"] == "event_msg":
            found["prompts"] += kind == "user_message" or item == "UserMessage"
            found["answers"] += kind == "agent_message" or item == "AgentMessage"
            found["aborted"] += kind == "turn_aborted"
        elif line["type"] == "response_item":
            found["reasoning"] += kind == "reasoning"
            found["calls"] += kind.endswith("_call")
            found["patches"] += payload.get("name") == "apply_patch"
            answered.add(payload.get("call_id") if kind.endswith("_output") else None)
            found["developer"] += kind == "message" and payload["role"] == "developer"
            found["agents"] += kind == "agent_message"
        found["compactions"] += line["type"] == "compacted"
        found["world states"] += line["type"] == "world_state"
    for line in lines:
        payload = line["payload"]
        if payload.get("type") in ("function_call", "custom_tool_call"):
            found["interrupted"] += payload["call_id"] not in answered
    return +found


QUERIES = {
    "prompts": "messages WHERE message_kind = 'prompt'",
    "answers": "messages WHERE message_kind = 'answer'",
    "developer": "messages WHERE role = 'developer'",
    "agents": "agent_messages WHERE TRUE",
    "reasoning": "reasoning WHERE TRUE",
    "calls": "tool_calls WHERE TRUE",
    "interrupted": "tool_calls WHERE call_outcome = 'interrupted'",
    "patches": "patches WHERE TRUE",
    "aborted": "events WHERE event_kind = 'turn_aborted'",
    "compactions": "events WHERE event_kind = 'compaction'",
    "world states": "events WHERE event_kind = 'world_state'",
}


def test_counts_of_threads(scenario: tuple[Path, duckdb.DuckDBPyConnection]) -> None:
    home, connection = scenario
    threads = plain_threads(home)
    assert threads or home.parent.name == "as_multi_paginated"  # whose thread has several files
    found: dict[str, Counter[str]] = {thread: Counter() for thread in threads}
    for name, table in QUERIES.items():
        for thread, rows in connection.execute(
            f"SELECT session_id, count(*) FROM {table} GROUP BY session_id"
        ).fetchall():
            if thread in found:
                found[thread][name] = rows
    assert found == {thread: expected(lines) for thread, lines in threads.items()}


def test_no_call_counts_twice(scenario: tuple[Path, duckdb.DuckDBPyConnection]) -> None:
    """Ids of calls are the server's, so that a fork's copy of a call has the same."""
    home, connection = scenario
    doubles = connection.execute(
        "SELECT item_id, count(*) FROM tool_calls WHERE item_id IS NOT NULL "
        "GROUP BY item_id HAVING count(*) > 1"
    ).fetchall()
    assert doubles == []
    calls = {
        line["payload"]["call_id"]
        for content in contents(home)
        for line in map(json.loads, content.splitlines())
        if line["type"] == "response_item"
        and line["payload"]["type"] in ("function_call", "custom_tool_call")
    }
    found = {
        row[0]
        for row in connection.execute(
            "SELECT item_id FROM tool_calls WHERE call_kind IN ('function', 'custom')"
        ).fetchall()
    }
    assert found == calls


def test_own_work_lies_in_turns(scenario: tuple[Path, duckdb.DuckDBPyConnection]) -> None:
    _, connection = scenario
    for table in ("tool_calls", "commands", "patches", "reasoning"):
        (outside,) = connection.execute(
            f"SELECT count(*) FROM {table} WHERE turn_index IS NULL"
        ).fetchone() or (None,)
        assert outside == 0, table
    prompts = "SELECT count(*) FROM messages WHERE message_kind <> 'context' AND turn_index IS NULL"
    assert connection.execute(prompts).fetchone() == (0,)


def test_a_copy_of_a_home_changes_nothing(recordings: Path, tmp_path: Path) -> None:
    """Compressed or not, and both together."""
    names = ("as_multi_legacy", "x_compress_as_multi_legacy")
    homes = [recordings / name / "codex_home" for name in names]
    found = []
    for number, some in enumerate((homes[:1], homes)):
        with counted(count(tmp_path / str(number), *some), *TABLES) as connection:
            found.append(
                {
                    table: connection.execute(
                        f"SELECT session_id, turn_index, count(*) FROM {table} "
                        "GROUP BY ALL ORDER BY ALL"
                    ).fetchall()
                    for table in TABLES
                }
            )
    assert found[0] == found[1]
