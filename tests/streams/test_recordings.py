"""Streams of the real CLI, through lake and models: counts, goals and tokens as told elsewhere.

What is expected is computed here from the recordings by plain json and sqlite3.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.accounting.building import counted
from tests.helpers import Warehouse
from warehouse.scanning import Root

Row = dict[str, Any]

WITH_ANALYTICS = (
    "as_agents_v1_legacy",
    "as_agents_v2",
    "as_compact_paginated_remote",
    "as_goals",
    "as_review",
    "as_ws_paginated",
)


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    result = connection.execute(sql)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def lake(home: Path, *roots: Root) -> Warehouse:
    warehouse = Warehouse(home, roots)
    step = warehouse.sync(jobs=0)
    assert step.problems == []
    return warehouse


def stream_roots(streams: Path, *scenarios: str) -> list[Root]:
    """The wrapped captures: the raw ones beside them are the same streams."""
    return [
        Root("app-server", path, None)
        for scenario in scenarios or ("*",)
        for path in sorted(streams.glob(f"{scenario}/app_server/*.captured.jsonl"))
    ]


def analytics_roots(streams: Path, *scenarios: str) -> list[Root]:
    return [Root("analytics", streams / name / "analytics", None) for name in scenarios]


def codex_roots(recordings: Path, *scenarios: str) -> list[Root]:
    return [Root("codex", recordings / name / "codex_home", None) for name in scenarios]


def messages(streams: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(scenario and capture, message) of all wrapped captures."""
    for path in sorted(streams.glob("*/app_server/*.captured.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield f"{path.parent.parent.name}/{path.name}", json.loads(line)["msg"]


# --- turns, items, requests -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def all_streams(
    streams: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    home = tmp_path_factory.mktemp("all_streams")
    roots = stream_roots(streams)
    tables = ("app_turns", "app_items", "app_requests", "app_connections", "stream_kinds")
    with counted(lake(home, *roots), *tables) as connection:
        yield connection


def test_turns_are_those_of_the_messages(
    streams: Path, all_streams: duckdb.DuckDBPyConnection
) -> None:
    """Status and duration of every turn that a message completed."""
    started, completed = set(), {}
    for capture, message in messages(streams):
        if message.get("method") in ("turn/started", "turn/completed"):
            params = message["params"]
            turn = params["turn"]
            # numbered turns count within their connection
            key = (params["threadId"], capture if turn["id"].isdigit() else "", turn["id"])
            if message["method"] == "turn/started":
                started.add(key)
            else:
                completed[key] = (turn["status"], turn.get("durationMs"))
    found = rows(all_streams, "SELECT * FROM app_turns WHERE started_source IS NOT NULL")
    assert len(found) == len(started | completed.keys())
    told = Counter(completed.values())
    assert told == Counter(
        (r["turn_status"], r["duration_ms"] if r["duration_source"] == "stream" else None)
        for r in found
        if r["turn_status"] != "inProgress"
    )
    assert all(r["duration_ms"] is not None for r in found if r["turn_status"] != "inProgress")


def test_items_are_those_of_the_messages(
    streams: Path, all_streams: duckdb.DuckDBPyConnection
) -> None:
    items: dict[tuple[str, str, str], str] = {}
    ended = set()
    for capture, message in messages(streams):
        if message.get("method") in ("item/started", "item/completed"):
            params = message["params"]
            turn = params["turnId"]
            key = (params["threadId"], f"{capture}{turn}" if turn.isdigit() else turn)
            items[(*key, params["item"]["id"])] = params["item"]["type"]
            if message["method"] == "item/completed":
                ended.add((*key, params["item"]["id"]))
    found = rows(all_streams, "SELECT * FROM app_items")
    assert Counter(r["item_type"] for r in found) == Counter(items.values())
    assert sum(r["is_completed"] for r in found) == len(ended)
    assert all(r["duration_ms"] is not None for r in found if r["is_completed"])


def test_a_raw_stream_tells_the_same(streams: Path, tmp_path: Path) -> None:
    """Only the server's notifications have times in it; what is told last is told last."""
    captures = [root.path for root in stream_roots(streams)]
    raw = [path.with_name(path.name.replace(".captured", "")) for path in captures]
    turns = """
        SELECT session_id, turn_id, turn_status, retries, steers, model, input_bytes
        FROM app_turns ORDER BY ALL
        """
    threads = """
        SELECT session_id, connection_basis, model, cwd, git_branch, name_chars, is_shelved
        FROM threads ORDER BY ALL
        """
    goals = """
        SELECT session_id, goal_created_at, goal_status, status_changes, usage_updates, ended_by
        FROM thread_goals ORDER BY ALL
        """
    tables = ("app_turns", "threads", "thread_goals")
    wrapped = lake(tmp_path / "wrapped", *(Root("app-server", path, None) for path in captures))
    bare = lake(tmp_path / "raw", *(Root("app-server", path, None) for path in raw))
    with counted(wrapped, *tables) as one, counted(bare, *tables) as other:
        for sql in (turns, threads, goals):
            told = rows(one, sql)
            assert told
            assert rows(other, sql) == told


def test_every_request_has_the_answer_with_its_id(
    streams: Path, all_streams: duckdb.DuckDBPyConnection
) -> None:
    asked: Counter[str] = Counter()
    answered: Counter[tuple[str, str]] = Counter()
    open_requests: dict[tuple[str, object], str] = {}
    for capture, message in messages(streams):
        if "method" in message and "id" in message:
            asked[message["method"]] += 1
            open_requests[capture, message["id"]] = message["method"]
        elif "id" in message:
            method = open_requests.pop((capture, message["id"]))
            answered[method, "error" if "error" in message else "answered"] += 1
    found = rows(all_streams, "SELECT * FROM app_requests")
    assert Counter(r["method"] for r in found) == asked
    assert answered == Counter(
        (r["method"], r["answer_status"]) for r in found if r["answer_status"] != "unanswered"
    )
    (connections,) = rows(
        all_streams,
        """
        SELECT
            count(*) AS n,
            sum(stray_answers) AS strays,
            sum(client_requests) AS requests,
            bool_and(has_initialize) AS initialized,
            sum(unknown_messages) AS unknown
        FROM app_connections
        """,
    )
    assert connections == {
        "n": len(stream_roots(streams)),
        "strays": 0,
        "requests": asked.total(),
        "initialized": True,
        "unknown": 0,
    }


def counts_by_kind(connection: duckdb.DuckDBPyConnection) -> Counter[tuple[str, str, str]]:
    """(kind of source, kind of message, its name) and how many there are; all are known."""
    found = rows(connection, "SELECT * FROM stream_kinds")
    assert all(r["is_known"] for r in found)
    counts: Counter[tuple[str, str, str]] = Counter()
    for r in found:
        counts[r["kind"], r["message_kind"], r["shape_name"]] += r["messages"]
    return counts


def test_every_message_is_of_a_known_kind_and_counted_once(
    streams: Path, all_streams: duckdb.DuckDBPyConnection
) -> None:
    expected: Counter[tuple[str, str, str]] = Counter()
    items: Counter[tuple[str, str]] = Counter()
    asked: dict[tuple[str, object], str] = {}
    for capture, message in messages(streams):
        method = message.get("method")
        if method is None:
            kind = "error" if "error" in message else "response"
            method = asked.pop((capture, message["id"]))
        elif "id" in message:
            kind = "request"
            asked[capture, message["id"]] = method
        else:
            kind = "notification"
        expected["app-server", kind, method] += 1
        if method in ("item/started", "item/completed"):
            items[method, message["params"]["item"]["type"]] += 1
    assert counts_by_kind(all_streams) == expected
    found = rows(all_streams, "SELECT * FROM stream_kinds WHERE shape_name LIKE 'item/%ted'")
    assert Counter({(r["shape_name"], r["item_type"]): r["messages"] for r in found}) == items


def test_every_event_and_panel_is_of_a_known_kind_and_counted_once(
    streams: Path, tmp_path: Path
) -> None:
    expected: Counter[tuple[str, str, str]] = Counter()
    for path in streams.glob("*/analytics/*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            for event in json.loads(line)["events"]:
                expected["analytics", "event", event["event_type"]] += 1
    for path in streams.glob("*/status/*.txt"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "Token usage:" in line:
                name = "exit" if line.startswith("Token usage: total=") else "panel"
                expected["status", "snapshot", name] += 1
    roots = [
        *analytics_roots(streams, *WITH_ANALYTICS),
        Root("status", streams / "tui_apikey/status", None),
    ]
    with counted(lake(tmp_path, *roots), "stream_kinds") as connection:
        assert counts_by_kind(connection) == expected


def test_raw_and_wrapped_captures_of_one_stream_tell_one_story(
    streams: Path, tmp_path: Path
) -> None:
    folder = streams / "as_goals/app_server"
    tables = ("app_turns", "app_items", "thread_goals")
    stories = []
    for files in (["s1.captured.jsonl"], ["s1.captured.jsonl", "s1.jsonl"]):
        roots = [Root("app-server", folder / file, None) for file in files]
        warehouse = lake(tmp_path / str(len(files)), *roots)
        with counted(warehouse, *tables) as connection:
            place = "EXCLUDE (source_id, line_number, connection_id)"
            stories.append(
                [
                    rows(connection, f"SELECT * {place} FROM app_turns ORDER BY ALL"),
                    rows(connection, "SELECT * EXCLUDE (source_id, line_number) FROM app_items"),
                    rows(connection, "SELECT * FROM thread_goals"),
                ]
            )
    assert stories[0] == stories[1]


# --- one turn, one call, whoever tells of it ------------------------------------------------------


def test_a_turn_of_rollout_stream_and_event_is_one_turn(
    streams: Path, recordings: Path, tmp_path: Path
) -> None:
    codex = codex_roots(recordings, *WITH_ANALYTICS)
    with counted(lake(tmp_path / "rollouts", *codex), "turns") as connection:
        alone = rows(connection, "SELECT * FROM turns")
    streamed, evented = set(), set()
    for capture, message in messages(streams):
        name = capture.split("/")[0]
        if message.get("method") == "turn/completed" and name in WITH_ANALYTICS:
            params = message["params"]
            streamed.add((params["threadId"], params["turn"]["id"]))
    for name in WITH_ANALYTICS:
        text = (streams / name / "analytics/analytics_events.jsonl").read_text(encoding="utf-8")
        for event in (e for line in text.splitlines() for e in json.loads(line)["events"]):
            if event["event_type"] == "codex_turn_event":
                params = event["event_params"]
                evented.add((params["thread_id"], params["turn_id"]))
    warehouse = lake(
        tmp_path / "all",
        *codex,
        *stream_roots(streams, *WITH_ANALYTICS),
        *analytics_roots(streams, *WITH_ANALYTICS),
    )
    with counted(warehouse, "turns", "threads") as connection:
        found = rows(connection, "SELECT * FROM turns")
        orphans = rows(connection, "SELECT * FROM turns ANTI JOIN threads USING (session_id)")
    assert orphans == []
    keys = [(r["session_id"], r["turn_id"]) for r in found]
    assert len(set(keys)) == len(keys)
    assert streamed <= {k for k, r in zip(keys, found, strict=True) if r["in_streams"]}
    assert evented == {k for k, r in zip(keys, found, strict=True) if r["in_analytics"]}
    # rollouts have all turns already, and keep their numbers and all that they tell
    told = {(r["session_id"], r["turn_index"]): r for r in found}
    for turn in alone:
        same = told.pop((turn["session_id"], turn["turn_index"]))
        for name in ("turn_id", "started_at", "duration_ms", "status", "responses", "cost_usd"):
            assert same[name] == turn[name], name
    assert told == {}


@pytest.mark.parametrize("with_streams", [False, True])
def test_an_inline_review_is_a_turn_of_its_thread_and_the_reviewers_one_of_its_own(
    streams: Path, recordings: Path, tmp_path: Path, with_streams: bool
) -> None:
    """Each turn belongs to the thread in whose file it ends, and has the usage recorded there."""
    ended: dict[tuple[str, str], tuple[int, int]] = {}  # duration and responses
    entered: dict[tuple[str, str], int] = {}  # line of the review
    roots: dict[tuple[str, str], str] = {}
    for path in (recordings / "as_review").glob("codex_home/sessions/**/rollout-*.jsonl"):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        thread = lines[0]["payload"]["id"]
        recorded = Counter(
            r["payload"]["turn_id"] for r in lines if r["type"] == "token_usage_record"
        )
        for number, line in enumerate(lines, start=1):
            payload = line["payload"]
            kinds = {payload.get("type"), (payload.get("item") or {}).get("type")}
            if kinds & {"entered_review_mode", "EnteredReviewMode"}:
                entered[thread, payload["turn_id"]] = number
            elif "task_complete" in kinds:
                turn = payload["turn_id"]
                ended[thread, turn] = (payload["duration_ms"], recorded.pop(turn, 0))
                roots[thread, turn] = payload["root_turn_id"]
        assert not recorded
    assert len(entered) == 2
    assert len(ended) == 8
    roots_of_sources = codex_roots(recordings, "as_review")
    if with_streams:
        roots_of_sources += stream_roots(streams, "as_review")
        roots_of_sources += analytics_roots(streams, "as_review")
    tables = ("turns", "usage", "messages", "events")
    with counted(lake(tmp_path, *roots_of_sources), *tables) as connection:
        found = rows(connection, "SELECT * FROM turns ORDER BY session_id, turn_index")
        between = rows(
            connection,
            """
            SELECT session_id, turns.turn_id, min(messages.line_number) AS line_number
            FROM messages
            INNER JOIN turns USING (session_id, turn_index)
            GROUP BY session_id, turns.turn_id
            """,
        )
        events = rows(
            connection,
            """
            SELECT session_id, turns.turn_id, count(*) AS events
            FROM events
            INNER JOIN turns USING (session_id, turn_index)
            WHERE event_kind IN ('review_entered', 'review_exited')
            GROUP BY session_id, turns.turn_id
            """,
        )
    assert {
        (r["session_id"], r["turn_id"]): (r["duration_ms"], r["responses"]) for r in found
    } == ended
    assert {(r["session_id"], r["turn_id"]): r["root_turn_id"] for r in found} == roots
    assert {(r["status"], r["status_source"], r["in_rollouts"]) for r in found} == {
        ("completed", "rollout", True)
    }
    # streams announce the reviewers' turns on the reviewed threads, where they never end
    told = {
        (message["params"]["threadId"], message["params"]["turn"]["id"])
        for capture, message in messages(streams)
        if capture.startswith("as_review/") and message.get("method") == "turn/completed"
    }
    assert entered.keys() < told
    assert {(r["session_id"], r["turn_id"]) for r in found if r["in_streams"]} == (
        told if with_streams else set()
    )
    reviews = {
        (r["session_id"], r["turn_id"]): r
        for r in found
        if (r["session_id"], r["turn_id"]) in entered
    }
    assert {key: r["line_number"] for key, r in reviews.items()} == entered
    # between one turn before it and one after
    assert [r["turn_index"] for r in reviews.values()] == [2, 2]
    # what the reviewed thread's file tells of the review, it tells of this turn
    assert {(r["session_id"], r["turn_id"]): r["events"] for r in events} == dict.fromkeys(
        entered, 2
    )
    # the entry, the copied start, and then what the reviewer was asked
    first_messages = {(r["session_id"], r["turn_id"]): r["line_number"] for r in between}
    assert {key: first_messages[key] for key in entered} == {
        key: line + 2 for key, line in entered.items()
    }


def test_streams_tell_the_ends_of_turns_from_before_turns_had_ids(
    streams: Path, recordings: Path, tmp_path: Path
) -> None:
    began: dict[tuple[str, str], datetime] = {}
    expected: dict[str, list[tuple[str, int]]] = {}
    path = streams / "old_0.80.0/app_server/s1.captured.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        params = entry["msg"].get("params") or {}
        key = (params.get("threadId", ""), (params.get("turn") or {}).get("id", ""))
        at = datetime.fromisoformat(entry["ts"])
        if entry["msg"].get("method") == "turn/started":
            began[key] = at
        elif entry["msg"].get("method") == "turn/completed":
            took = round((at - began[key]).total_seconds() * 1000)
            status = {"interrupted": "aborted"}.get(params["turn"]["status"], "completed")
            expected.setdefault(key[0], []).append((status, took))
    assert sum(map(len, expected.values())) == 11
    warehouse = lake(
        tmp_path,
        *codex_roots(recordings, "old_0.80.0"),
        *stream_roots(streams, "old_0.80.0"),
    )
    with counted(warehouse, "turns") as connection:
        found = rows(connection, "SELECT * FROM turns ORDER BY session_id, turn_index")
    for thread, turns in expected.items():
        same = [r for r in found if r["session_id"] == thread]
        assert [r["status"] for r in same] == [status for status, _ in turns]
        for turn, (_, took) in zip(same, turns, strict=True):
            assert abs(turn["duration_ms"] - took) <= 1  # whole milliseconds, cut or rounded
        assert {(r["duration_source"], r["turn_id"]) for r in same} == {("observed", None)}
        # of ends, rollouts of that time tell only aborts
        for turn in same:
            assert turn["status_source"] == ("rollout" if turn["status"] == "aborted" else "stream")
        assert all(r["responses"] > 0 for r in same if r["status"] == "completed")


def test_calls_have_the_durations_and_exit_codes_of_their_items(
    streams: Path, recordings: Path, tmp_path: Path
) -> None:
    """Of every capture: what its rollouts lack, and nothing that they tell."""
    ended: dict[tuple[str, str], dict[str, Any]] = {}
    for _, message in messages(streams):
        if message.get("method") == "item/completed":
            ended[message["params"]["threadId"], message["params"]["item"]["id"]] = message
    names = sorted(path.name for path in recordings.iterdir() if (path / "codex_home").is_dir())
    codex = codex_roots(recordings, *names)
    with counted(lake(tmp_path / "rollouts", *codex), "tool_calls") as connection:
        alone = rows(connection, "SELECT * FROM tool_calls ORDER BY source_id, line_number")
    with counted(
        lake(tmp_path / "all", *codex, *stream_roots(streams)), "tool_calls"
    ) as connection:
        found = rows(connection, "SELECT * FROM tool_calls ORDER BY source_id, line_number")
    filled: Counter[str] = Counter()
    for before, after in zip(alone, found, strict=True):
        changed = {name for name in before if before[name] != after[name]}
        if not changed:
            continue
        item = ended[after["session_id"], after["item_id"]]["params"]["item"]
        filled.update(changed)
        assert after["duration_source"] == "stream"
        if item.get("durationMs") is not None:
            assert after["duration_ms"] == item["durationMs"]
        else:
            assert after["duration_ms"] == item["completedAtMs"] - item["startedAtMs"]
        if "exit_code" in changed:  # a command that went on when the model got its first output
            assert before["call_outcome"] == "running"
            assert (after["call_outcome"], after["exit_code"]) == ("exited", item["exitCode"])
        else:
            assert before["duration_ms"] is None
    assert filled == Counter(
        {
            "duration_ms": 12,
            "duration_source": 12,
            "exit_code": 1,
            "exit_code_source": 1,
            "call_outcome": 1,
            "is_success": 1,
        }
    )


# --- threads --------------------------------------------------------------------------------------


def test_no_thread_of_the_recordings_lacks_context(
    streams: Path, recordings: Path, tmp_path: Path
) -> None:
    warehouse = lake(
        tmp_path,
        *stream_roots(streams, *WITH_ANALYTICS),
        *analytics_roots(streams, *WITH_ANALYTICS),
        *codex_roots(recordings, *WITH_ANALYTICS),
    )
    mentioned = set()
    for path in streams.glob("*/app_server/*.captured.jsonl"):
        if path.parent.parent.name in WITH_ANALYTICS:
            for line in path.read_text(encoding="utf-8").splitlines():
                params = json.loads(line)["msg"].get("params") or {}
                if isinstance(params.get("threadId"), str):
                    mentioned.add(params["threadId"])
    with counted(warehouse, "threads", "context_coverage") as connection:
        threads = {r["session_id"]: r for r in rows(connection, "SELECT * FROM threads")}
        assert mentioned <= threads.keys()
        assert {r["missing_context"] for r in threads.values()} == {None}
        assert {r["client_name"] for r in threads.values()} == {"etl_probe"}
        coverage = rows(connection, "SELECT * FROM context_coverage")
        assert {r["missing_reason"] for r in coverage} == {"none"}
    children = [r for r in threads.values() if r["parent_thread_id"]]
    assert len(children) == 6
    for child in children:
        assert child["connection_basis"] == "parent"
        assert child["connection_id"] == threads[child["parent_thread_id"]]["connection_id"]
        assert child["subagent_kind"] in ("thread_spawn", "review")


def test_threads_are_known_from_analytics_alone(streams: Path, tmp_path: Path) -> None:
    warehouse = lake(tmp_path, *analytics_roots(streams, "as_agents_v2"))
    with counted(warehouse, "threads") as connection:
        threads = rows(connection, "SELECT * FROM threads ORDER BY created_at, session_id")
    assert [r["missing_context"] for r in threads] == [None] * 3
    assert {r["rpc_transport"] for r in threads} <= {"stdio", "in_process"}
    assert Counter(r["subagent_kind"] for r in threads) == Counter({None: 1, "thread_spawn": 2})
    (root,) = [r["session_id"] for r in threads if r["parent_thread_id"] is None]
    assert {r["root_session_id"] for r in threads} == {root}


def test_a_resumed_thread_moves_to_the_connection_that_resumed_it(
    streams: Path, tmp_path: Path
) -> None:
    warehouse = lake(tmp_path, *stream_roots(streams, "as_multi_legacy"))
    with counted(warehouse, "threads", "app_connections") as connection:
        found = rows(
            connection,
            """
            SELECT threads.*, connections.first_seen_at AS connected_at
            FROM threads
            INNER JOIN app_connections AS connections USING (connection_id)
            """,
        )
        connected = [
            r["first_seen_at"]
            for r in rows(connection, "SELECT * FROM app_connections ORDER BY first_seen_at")
        ]
    resumed = [r for r in found if r["times_opened"] > 1]
    assert len(resumed) == 2
    assert {r["connected_at"] for r in resumed} == {connected[1]}
    assert Counter(r["initialization_mode"] for r in found) == Counter({"forked": 5, "new": 3})


# --- goals ----------------------------------------------------------------------------------------


@dataclass
class Goal:
    """What one source tells of a goal; None where it says nothing."""

    thread: str
    status: str | None
    tokens: int | None
    seconds: int | None
    is_cleared: bool = False


def goals_of_analytics(streams: Path) -> list[Goal]:
    goals: dict[tuple[str, str], Goal] = {}
    for line in (streams / "as_goals/analytics/analytics_events.jsonl").read_text().splitlines():
        for event in json.loads(line)["events"]:
            if event["event_type"] != "codex_goal_event":
                continue
            p = event["event_params"]
            key = (p["thread_id"], p["goal_id"])
            goal = goals.setdefault(key, Goal(p["thread_id"], None, None, None))
            goal.status = p["goal_status"]
            if p["event_kind"] == "usage_accounted":
                goal.tokens = p["cumulative_tokens_accounted"]
                goal.seconds = p["cumulative_time_accounted_seconds"]
            goal.is_cleared |= p["event_kind"] == "cleared"
    return list(goals.values())


def goals_of_database(recordings: Path) -> list[Goal]:
    path = recordings / "as_goals/codex_home/goals_1.sqlite"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        found = database.execute(
            "SELECT thread_id, status, tokens_used, time_used_seconds FROM thread_goals"
        ).fetchall()
    return [Goal(*row) for row in found]


def goals_of_messages(texts: Iterator[dict[str, Any]]) -> list[Goal]:
    """Of notifications, or of rollout lines with the same goal object."""
    goals: dict[tuple[str, int], Goal] = {}
    latest: dict[str, tuple[str, int]] = {}
    names = {"budgetLimited": "budget_limited", "usageLimited": "usage_limited"}
    for said in texts:
        goal = said.get("goal")
        if goal is None:
            if said["threadId"] in latest:
                goals[latest[said["threadId"]]].is_cleared = True
            continue
        key = (goal["threadId"], goal["createdAt"])
        latest[goal["threadId"]] = key
        status = names.get(goal["status"], goal["status"])
        goals[key] = Goal(key[0], status, goal["tokensUsed"], goal["timeUsedSeconds"])
    return list(goals.values())


def goal_notifications(streams: Path) -> Iterator[dict[str, Any]]:
    for capture, message in messages(streams):
        method = message.get("method", "")
        is_goal = method.startswith("thread/goal/") and "id" not in message
        if is_goal and capture.startswith("as_goals/"):
            yield message["params"]


def goal_lines(recordings: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((recordings / "as_goals/codex_home/sessions").rglob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            payload = json.loads(line)["payload"]
            if payload.get("type") == "thread_goal_updated":
                yield payload


def found_goals(warehouse: Warehouse, missing: str | None = None) -> list[Row]:
    """The goals, all of threads with `missing` context; `coverage` must tell the same."""
    with counted(warehouse, "thread_goals", "coverage") as connection:
        found = rows(connection, "SELECT * FROM thread_goals ORDER BY session_id, goal_number")
        told = rows(
            connection,
            """
            SELECT detail, covered, total FROM coverage
            WHERE aspect = 'missing_context' OR detail = 'thread_goals'
            """,
        )
    assert {r["missing_context"] for r in found} == {missing}
    gap = {"detail": f"thread_goals ({missing})", "covered": 0, "total": len(found)}
    known = {"detail": "thread_goals", "covered": 0 if missing else len(found), "total": len(found)}
    assert known in told
    assert (gap in told) is (missing is not None)
    return found


def as_told(found: list[Row]) -> list[Goal]:
    return [
        Goal(
            r["session_id"],
            r["goal_status"],
            r["tokens_used"],
            r["seconds_used"],
            r["ended_by"] == "cleared",
        )
        for r in found
    ]


def in_order(goals: list[Goal]) -> list[Goal]:
    return sorted(goals, key=lambda goal: (goal.thread, str(goal.status)))


def test_goals_from_analytics_alone(streams: Path, tmp_path: Path) -> None:
    found = found_goals(lake(tmp_path, *analytics_roots(streams, "as_goals")))
    assert in_order(as_told(found)) == in_order(goals_of_analytics(streams))
    assert all(r["is_final_known"] and r["is_history_known"] for r in found)
    assert all(r["goal_created_at"] is None and r["goal_id"] is not None for r in found)
    assert sum(r["usage_updates"] for r in found) == 19
    assert sum(r["status_changes"] for r in found) == 8


def test_goals_from_analytics_that_are_kept_twice_and_in_parts(
    streams: Path, tmp_path: Path
) -> None:
    """A file a part, one of them a second time without the times: the goals of the whole file."""
    whole = streams / "as_goals/analytics/analytics_events.jsonl"
    lines = whole.read_text(encoding="utf-8").splitlines()
    folder = tmp_path / "parts"
    folder.mkdir()
    third = len(lines) // 3
    parts = [lines[:third], lines[third : 2 * third], lines[2 * third :]]
    parts.append([json.dumps({"events": json.loads(line)["events"]}) for line in lines])
    for number, part in enumerate(parts):
        (folder / f"{number}.jsonl").write_text("\n".join(part) + "\n", encoding="utf-8")
    found = []
    for path in (whole, folder):
        warehouse = lake(tmp_path / path.stem, Root("analytics", path, None))
        with counted(warehouse, "goal_events", "thread_goals") as connection:
            found.append(
                [
                    rows(connection, "SELECT * FROM thread_goals ORDER BY ALL"),
                    rows(
                        connection,
                        """
                        SELECT * EXCLUDE (source_id, line_number, position) FROM goal_events
                        ORDER BY thread_id, goal_id, goal_event_index
                        """,
                    ),
                ]
            )
    assert len(found[0][1]) == 35
    assert found[0] == found[1]


def test_goals_from_the_stream_alone(streams: Path, tmp_path: Path) -> None:
    found = found_goals(lake(tmp_path, *stream_roots(streams, "as_goals")))
    expected = goals_of_messages(goal_notifications(streams))
    assert in_order(as_told(found)) == in_order(expected)
    assert all(r["is_final_known"] and r["is_history_known"] for r in found)
    assert all(r["goal_created_at"] is not None and r["goal_id"] is None for r in found)


def test_goals_from_the_database_alone(recordings: Path, tmp_path: Path) -> None:
    home = tmp_path / "codex"
    home.mkdir()
    shutil.copy(recordings / "as_goals/codex_home/goals_1.sqlite", home)
    found = found_goals(lake(tmp_path / "lake", Root("codex", home, None)), "unknown_thread")
    assert in_order(as_told(found)) == in_order(goals_of_database(recordings))
    assert all(r["is_final_known"] and not r["is_history_known"] for r in found)


def test_goals_from_rollouts_alone(recordings: Path, tmp_path: Path) -> None:
    """Rollouts hold only what a client changed: five of the six goals, none for sure."""
    sessions = recordings / "as_goals/codex_home/sessions"
    found = found_goals(lake(tmp_path, Root("codex", sessions, None)))
    expected = goals_of_messages(goal_lines(recordings))
    assert len(expected) == 5
    assert in_order(as_told(found)) == in_order(expected)
    assert not any(r["is_final_known"] or r["is_history_known"] for r in found)


def test_goals_from_all_sources_are_each_source_s_goals(
    streams: Path, recordings: Path, tmp_path: Path
) -> None:
    found = found_goals(
        lake(
            tmp_path,
            *codex_roots(recordings, "as_goals"),
            *stream_roots(streams, "as_goals"),
            *analytics_roots(streams, "as_goals"),
        )
    )
    told = {(g.thread, g.is_cleared): g for g in as_told(found)}
    assert len(told) == len(found) == 6
    assert {r["matched_by"] for r in found} == {"database", "time"}
    for goal in goals_of_analytics(streams):
        same = told[goal.thread, goal.is_cleared]
        assert same.status == goal.status
        if goal.tokens is not None:
            assert (same.tokens, same.seconds) == (goal.tokens, goal.seconds)
    for goal in goals_of_database(recordings):
        assert told[goal.thread, False] == goal
    for goal in goals_of_messages(goal_notifications(streams)):
        assert told[goal.thread, goal.is_cleared] == goal
    assert [r["in_rollouts"] for r in found].count(True) == 5
    assert [r["in_database"] for r in found].count(True) == 4
    assert all(r["in_analytics"] and r["in_streams"] for r in found)


# --- tokens ---------------------------------------------------------------------------------------


def test_tokens_of_turn_events_are_those_counted(
    streams: Path, recordings: Path, tmp_path: Path
) -> None:
    """Equal for every turn; remote compactions are counted and left out of events, exactly."""
    warehouse = lake(
        tmp_path,
        *codex_roots(recordings, *WITH_ANALYTICS),
        *analytics_roots(streams, *WITH_ANALYTICS),
    )
    with counted(warehouse, "turn_reconciliation") as connection:
        found = rows(connection, "SELECT * FROM turn_reconciliation")
    events = []
    for name in WITH_ANALYTICS:
        text = (streams / name / "analytics/analytics_events.jsonl").read_text(encoding="utf-8")
        for line in text.splitlines():
            events += [
                event["event_params"]
                for event in json.loads(line)["events"]
                if event["event_type"] == "codex_turn_event"
            ]
    assert {(r["session_id"], r["turn_id"]): r["event_tokens"] for r in found} == {
        (p["thread_id"], p["turn_id"]): p["total_tokens"] for p in events
    }
    assert Counter(r["explanation"] for r in found) == Counter(
        {"equal": 37, "remote_compaction": 3, "no_response": 3, "event_without_tokens": 2}
    )
    assert {r["unexplained_tokens"] for r in found if r["event_tokens"] is not None} == {0}


def test_the_usage_line_at_exit_equals_what_is_counted(
    streams: Path, recordings: Path, tmp_path: Path
) -> None:
    warehouse = lake(
        tmp_path,
        Root("codex", recordings / "tui_apikey/codex_home", None),
        Root("status", streams / "tui_apikey/status", None),
    )
    with counted(warehouse, "status_snapshots", "usage") as connection:
        (line,) = rows(connection, "SELECT * FROM status_snapshots WHERE snapshot_kind = 'exit'")
        (sums,) = rows(
            connection,
            f"""
            SELECT
                sum(input_tokens - cached_input_tokens) AS input,
                sum(cached_input_tokens) AS cached,
                sum(output_tokens) AS output,
                sum(reasoning_output_tokens) AS reasoning
            FROM usage
            WHERE session_id = '{line["thread_id"]}'
            """,
        )
        panels = rows(connection, "SELECT * FROM status_snapshots WHERE snapshot_kind = 'panel'")
        (responses,) = rows(connection, "SELECT count(*) AS n FROM usage")
    assert responses["n"] > 0
    assert {name: int(value) for name, value in sums.items()} == {
        name: line[f"shown_{name}_tokens"] for name in ("input", "cached", "output", "reasoning")
    }
    assert line["shown_total_tokens"] == sums["input"] + sums["output"]
    assert len(panels) == 27
    # the second session said nothing, and so left no rollout that could tell of it
    assert {(p["thread_id"] == line["thread_id"], p["missing_context"]) for p in panels} == {
        (True, None),
        (False, "unknown_thread"),
    }


def test_panels_stand_beside_what_is_counted_each_explained(
    streams: Path, recordings: Path, tmp_path: Path
) -> None:
    codex = Root("codex", recordings / "tui_apikey/codex_home", None)
    warehouse = lake(tmp_path, codex, Root("status", streams / "tui_apikey/status", None))
    with counted(warehouse, "status_reconciliation", "reconciliation") as connection:
        found = rows(connection, "SELECT * FROM status_reconciliation")
        beside = rows(connection, "SELECT * FROM reconciliation")
    truth = json.loads((recordings / "tui_apikey/truth.json").read_text(encoding="utf-8"))
    ((thread, models),) = truth["threads"].items()
    billed = sum(
        told["input_tokens"] - told["cached_input_tokens"] + told["output_tokens"]
        for told in models.values()
    )
    # every line of usage in the captures; the second session said nothing and has no rollout
    texts = [p.read_text("utf-8") for p in (streams / "tui_apikey/status").glob("*.txt")]
    assert len(found) == sum(text.count("Token usage:") for text in texts)
    assert Counter(r["explanation"] for r in found if r["session_id"] == thread) == Counter(
        {"earlier": 22, "equal": 3}
    )
    assert {r["explanation"] for r in found if r["session_id"] != thread} == {"no_rollout"}
    assert {r["counted_uncached_tokens"] for r in found if r["session_id"] == thread} == {billed}
    (row,) = beside
    assert (row["session_id"], row["shown_explanation"]) == (thread, "equal")
    assert row["shown_total_tokens"] == row["counted_uncached_tokens"] == billed
    assert (row["shown_total_error"], row["shown_difference_tokens"]) == (0, 0)


PANEL = """
  5h limit:         [█] 90% left (resets 18:22)
  Weekly limit:     [█] 80% left (resets 07:08 on 7 May)
"""


def test_resets_are_of_the_day_in_the_captures_name_else_of_its_file(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    file_day = datetime(2026, 5, 6, 12, tzinfo=UTC)
    for name in ("status-2026-05-02.txt", "status.txt"):
        (folder / name).write_text("  >_ OpenAI Codex (v0.169.0)\n" + PANEL, encoding="utf-8")
        os.utime(folder / name, (file_day.timestamp(),) * 2)
    with counted(
        lake(tmp_path / "lake", Root("status", folder, None)), "status_snapshots"
    ) as found:
        shown = rows(found, "SELECT * FROM status_snapshots ORDER BY captured_day, position")
    assert [(r["limit_label"], r["resets_at"], r["captured_at"]) for r in shown] == [
        ("5h", datetime(2026, 5, 2, 18, 22, tzinfo=UTC), None),
        ("Weekly", datetime(2026, 5, 7, 7, 8, tzinfo=UTC), None),
        ("5h", datetime(2026, 5, 6, 18, 22, tzinfo=UTC), file_day),
        ("Weekly", datetime(2026, 5, 7, 7, 8, tzinfo=UTC), file_day),
    ]


# --- growing, moved, gone -------------------------------------------------------------------------


def test_a_stream_that_grows_gives_the_same_tables(streams: Path, tmp_path: Path) -> None:
    content = (streams / "as_goals/app_server/s1.captured.jsonl").read_bytes()
    path = tmp_path / "live.jsonl"
    path.write_bytes(content[:50_000])  # within a line
    warehouse = Warehouse(tmp_path / "lake", [Root("app-server", path, None)])
    assert warehouse.sync(jobs=0).work[0] == 1
    for end in (50_100, 120_000, len(content)):
        before = sum(source.lines for source in warehouse.sources.values())
        path.write_bytes(content[:end])
        _, parsed = warehouse.sync(jobs=0).work
        assert parsed == content[:end].count(b"\n") - before  # only what is new
    assert warehouse.sync(jobs=0).work == (0, 0)

    whole_path = tmp_path / "whole" / "live.jsonl"
    whole_path.parent.mkdir()
    whole_path.write_bytes(content)
    whole = lake(tmp_path / "lake2", Root("app-server", whole_path, None))
    for table in ("parsed_app_server", "parsed_app_turns", "parsed_app_goals", "raw_lines"):
        one, other = (
            w.table(table).drop_columns(["source_id"]).to_pylist() for w in (warehouse, whole)
        )
        assert one == other


def test_streams_that_moved_are_the_same_and_gone_ones_keep_their_rows(
    streams: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    shutil.copy(streams / "as_goals/app_server/s1.captured.jsonl", folder / "a.jsonl")
    shutil.copy(streams / "tui_apikey/status/tui_18_exit_resumed.txt", folder / "a.txt")
    roots = [Root("app-server", folder, None), Root("status", folder, None)]
    warehouse = Warehouse(tmp_path / "lake", roots)
    warehouse.sync(jobs=0)
    ids = set(warehouse.sources)
    (folder / "later").mkdir()
    (folder / "a.jsonl").rename(folder / "later" / "b.jsonl")
    (folder / "a.txt").rename(folder / "later" / "a.txt")
    assert warehouse.sync(jobs=0).work == (0, 0)
    assert set(warehouse.sources) == ids
    shutil.rmtree(folder / "later")
    warehouse.sync(jobs=0)
    assert {source.state for source in warehouse.sources.values()} == {"missing"}
    assert len(warehouse.rows("parsed_status", "line_number")) == 4
    assert len(warehouse.rows("parsed_app_server", "line_number")) > 0


@pytest.mark.parametrize("mode", ["standard", "strict"])
@pytest.mark.parametrize("verify", [False, True])
def test_a_capture_that_gets_a_day_into_its_name_is_of_that_day(
    streams: Path, tmp_path: Path, mode: str, verify: bool
) -> None:
    path = tmp_path / "panel.txt"
    shutil.copy(streams / "tui_apikey/status/tui_02_status_fresh2.txt", path)
    warehouse = Warehouse(tmp_path / "lake", [Root("status", tmp_path, None)], mode)
    warehouse.sync(jobs=0)
    ids = set(warehouse.sources)
    assert warehouse.rows("parsed_status", "named_day") == [(None,)]
    path.rename(tmp_path / "panel-2026-05-02.txt")
    assert warehouse.sync(verify, jobs=0).work[0] == 1
    assert warehouse.rows("parsed_status", "named_day") == [(date(2026, 5, 2),)]
    assert set(warehouse.sources) == ids
    assert warehouse.sync(verify, jobs=0).work == (0, 0)


def test_a_capture_that_gets_another_time_is_of_that_time(streams: Path, tmp_path: Path) -> None:
    """Copied without its time, and put right: models take the day of a panel from it."""
    path = tmp_path / "panel.txt"
    shutil.copy(streams / "tui_apikey/status/tui_02_status_fresh2.txt", path)
    warehouse = Warehouse(tmp_path / "lake", [Root("status", tmp_path, None)])
    warehouse.sync(jobs=0)
    made_at = datetime(2026, 5, 2, 12, tzinfo=UTC)
    os.utime(path, (made_at.timestamp(), made_at.timestamp()))
    step = warehouse.sync(jobs=0)
    assert step.plan.news
    assert step.work == (0, 0)
    assert warehouse.rows("raw_sources", "modified_at") == [(made_at,)]
    assert not warehouse.sync(jobs=0).plan.news


def test_a_folder_of_everything_is_read_by_kind(streams: Path, tmp_path: Path) -> None:
    """Named as app-server, a folder with other JSON lines in it gives rejects, not noise."""
    home = streams / "as_goals"
    warehouse = Warehouse(tmp_path, [Root("app-server", home, None), Root("analytics", home, None)])
    warehouse.sync(jobs=0)
    rejected = Counter(rule for (rule,) in warehouse.rows("parsed_rejects", "rule"))
    assert rejected.keys() == {"not_a_message", "not_an_event"}
    assert len(warehouse.rows("parsed_analytics", "position")) > 0
