"""What goes on between clients and servers out of order, twice, or without its beginning.

Belongs here: captures written by hand, through parser, lake and models at once. Does not
belong here: single models (tests/sql), and what the real CLI sent (test_recordings.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

from tests.accounting.building import counted
from tests.helpers import Warehouse
from warehouse.scanning import Root

Json = dict[str, Any]
START = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)
TABLES = (
    *("app_turns", "app_requests", "app_connections", "approvals", "turns"),
    *("threads", "context_coverage"),
)


def thread(number: int) -> str:
    return f"01a1fde2-0000-7000-8000-{number:012x}"


def turn(number: int) -> str:
    return f"01a1fde2-0001-7000-8000-{number:012x}"


EARLY, ROOT, CHILD, NEVER, FORK, X, Y = map(thread, range(7))
E1, R1, C1, N1 = map(turn, range(4))


def initialize(client: str, conn: str | None = None) -> list[tuple[str, Json, str | None]]:
    info = {"clientInfo": {"name": client, "version": "1"}}
    return [
        ("out", {"id": 1, "method": "initialize", "params": info}, conn),
        ("in", {"id": 1, "result": {"userAgent": f"{client}/0.169.0 (Debian 12; x86_64)"}}, conn),
    ]


def ask(number: int, method: str, conn: str | None = None, **params: object) -> Any:
    return "out", {"id": number, "method": method, "params": params}, conn


def answer(number: int, conn: str | None = None, **result: object) -> Any:
    return "in", {"id": number, "result": result}, conn


def note(method: str, thread_id: str, **params: object) -> Any:
    return "in", {"method": method, "params": {"threadId": thread_id, **params}}, None


def started(thread_id: str, turn_id: str) -> Any:
    return note("turn/started", thread_id, turn={"id": turn_id, "status": "inProgress"})


def completed(thread_id: str, turn_id: str) -> Any:
    return note("turn/completed", thread_id, turn={"id": turn_id, "status": "completed"})


def about(thread_id: str, **more: object) -> Json:
    return {"id": thread_id, "sessionId": thread_id, "source": "vscode", "cwd": "/w", **more}


APPROVAL = {"turnId": R1, "itemId": "call_1", "command": "rm x", "startedAtMs": 1795258806000}
REQUEST = (
    "in",
    {
        "id": 0,
        "method": "item/commandExecution/requestApproval",
        "params": {"threadId": ROOT, **APPROVAL},
    },
    None,
)
SPAWN = {
    "type": "collabAgentToolCall",
    "id": "call_2",
    "tool": "spawnAgent",
    "status": "completed",
    "senderThreadId": ROOT,
    "receiverThreadIds": [CHILD],
}

CAPTURES = {
    # an IDE: answers before requests, ids used again, events before their thread is known
    "ide": [
        *initialize("ide"),
        started(EARLY, E1),
        answer(7, turn={"id": turn(99), "status": "inProgress"}),
        ask(7, "thread/read", threadId=EARLY),
        answer(7, thread=about(EARLY)),
        answer(99, thread=about(thread(99))),
        ask(8, "thread/start", cwd="/w"),
        answer(8, thread=about(ROOT), model="gpt-5.4"),
        ask(8, "turn/start", threadId=ROOT, input=[]),
        answer(8, turn={"id": R1, "status": "inProgress"}),
        started(ROOT, R1),
        note("item/completed", ROOT, turnId=R1, item=SPAWN),
        started(CHILD, C1),
        REQUEST,
        REQUEST,
        completed(CHILD, C1),
        completed(ROOT, R1),
        started(NEVER, N1),
    ],
    # another client takes the thread over; the server tells and asks both
    "cli": [
        *initialize("cli"),
        ask(2, "thread/resume", threadId=ROOT),
        answer(2, thread=about(ROOT), model="gpt-5.4"),
        REQUEST,
        ("out", {"id": 0, "result": {"decision": "accept"}}, None),
        completed(ROOT, R1),
        ask(3, "thread/fork", threadId=ROOT),
        answer(3, thread=about(FORK, forkedFromId=ROOT), model="gpt-5.4"),
    ],
    # one recorder, two connections: equal ids, answers the other way round
    "both": [
        *initialize("one", "x"),
        *initialize("two", "y"),
        ask(2, "thread/start", "x"),
        ask(2, "thread/start", "y"),
        answer(2, "y", thread=about(Y), model="gpt-5.4"),
        answer(2, "x", thread=about(X), model="gpt-5.4"),
    ],
}


@pytest.fixture(scope="module")
def reduced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    home = tmp_path_factory.mktemp("reducer")
    at = START
    for name, entries in CAPTURES.items():
        lines = []
        for way, message, conn in entries:
            at += timedelta(seconds=1)
            entry: Json = {"ts": at.isoformat(), "dir": way, "msg": message}
            lines.append(json.dumps(entry if conn is None else {**entry, "conn": conn}))
        (home / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    warehouse = Warehouse(home / "lake", [Root("app-server", home, None)])
    assert warehouse.sync(jobs=0).problems == []
    assert warehouse.rows("parsed_rejects", "rule") == []
    with counted(warehouse, *TABLES) as connection:
        yield connection


def found(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()


CLIENT_OF_CONNECTION = "LEFT JOIN app_connections AS c USING (connection_id)"


def test_an_answer_belongs_to_the_request_before_it(reduced: duckdb.DuckDBPyConnection) -> None:
    assert found(
        reduced,
        f"""
        SELECT c.client_name, r.request_id, r.method, r.thread_id, r.turn_id, r.answer_status
        FROM app_requests AS r {CLIENT_OF_CONNECTION}
        WHERE r.sender = 'client' AND r.method <> 'initialize'
        ORDER BY r.requested_at
        """,
    ) == [
        ("ide", "7", "thread/read", EARLY, None, "answered"),
        ("ide", "8", "thread/start", ROOT, None, "answered"),
        ("ide", "8", "turn/start", ROOT, R1, "answered"),
        ("cli", "2", "thread/resume", ROOT, None, "answered"),
        ("cli", "3", "thread/fork", ROOT, None, "answered"),
        ("one", "2", "thread/start", X, None, "answered"),
        ("two", "2", "thread/start", Y, None, "answered"),
    ]
    # the answer that came too early, and the one that nobody asked for
    strays = "SELECT client_name, stray_answers FROM app_connections ORDER BY stray_answers DESC"
    assert found(reduced, strays)[0] == ("ide", 2)


def test_a_replayed_and_broadcast_request_is_one_approval(
    reduced: duckdb.DuckDBPyConnection,
) -> None:
    assert found(
        reduced,
        """
        SELECT thread_id, turn_id, item_id, command_word, decision, times_sent, connections
        FROM approvals
        """,
    ) == [(ROOT, R1, "call_1", "rm", "accept", 2, 2)]


def test_threads_belong_to_who_opened_them_last(reduced: duckdb.DuckDBPyConnection) -> None:
    assert found(
        reduced,
        """
        SELECT session_id, client_name, connection_basis, initialization_mode, forked_from_id,
            parent_thread_id, missing_context
        FROM threads
        ORDER BY session_id
        """,
    ) == [
        (EARLY, "ide", "seen", None, None, None, None),
        (ROOT, "cli", "opened", "new", None, None, None),
        # known by its parent's call alone, while that was the IDE's
        (CHILD, "ide", "parent", None, None, ROOT, "unknown_thread"),
        (NEVER, "ide", "seen", None, None, None, "unknown_thread"),
        (FORK, "cli", "opened", "forked", ROOT, None, None),
        (X, "one", "opened", "new", None, None, None),
        (Y, "two", "opened", "new", None, None, None),
        # the answer that nobody asked for describes a thread all the same, but opens none
        (thread(99), "ide", "seen", None, None, None, None),
    ]


def test_turns_have_the_context_that_was_told_later_or_the_reason(
    reduced: duckdb.DuckDBPyConnection,
) -> None:
    assert found(
        reduced,
        f"""
        SELECT t.session_id, t.turn_id, t.turn_status, t.is_client_started, c.client_name,
            t.missing_context
        FROM app_turns AS t {CLIENT_OF_CONNECTION}
        ORDER BY t.session_id
        """,
    ) == [
        (EARLY, E1, "inProgress", False, "ide", None),
        # told on both connections, asked for on one
        (ROOT, R1, "completed", True, "ide", None),
        (CHILD, C1, "completed", False, "ide", "unknown_thread"),
        (NEVER, N1, "inProgress", False, "ide", "unknown_thread"),
    ]
    assert found(
        reduced,
        """
        SELECT missing_reason, events FROM context_coverage
        WHERE event_table = 'app_turns' ORDER BY ALL
        """,
    ) == [("none", 2), ("unknown_thread", 2)]
    # all of them are turns, though no rollout tells of any
    statuses = "SELECT session_id, status FROM turns WHERE NOT in_rollouts ORDER BY session_id"
    assert found(reduced, statuses) == [
        (EARLY, "open"),
        (ROOT, "completed"),
        (CHILD, "completed"),
        (NEVER, "open"),
    ]


def test_times_are_those_of_the_capture(reduced: duckdb.DuckDBPyConnection) -> None:
    """Lines are a second apart: the turn began with the 12th, its end passed with the 18th."""
    (times,) = found(
        reduced,
        f"""
        SELECT started_at, completed_at, duration_ms, duration_source FROM app_turns
        WHERE turn_id = '{R1}'
        """,
    )
    began, ended = START + timedelta(seconds=12), START + timedelta(seconds=18)
    assert times == (began, ended, 6000, "observed")
