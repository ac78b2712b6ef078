"""App-server streams: every message typed, counted, and without its content."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.privacy.canary import planted_message
from tests.sources.parsed import Row, checked, parse, texts_of
from warehouse.sources.app_server import AppServerSource
from warehouse.sources.app_server.methods import CLIENT_REQUESTS, SERVER_REQUESTS
from warehouse.sources.base import Found

KIND = AppServerSource()
Json = dict[str, Any]

THREAD = "01a1fde3-a04f-77e3-992a-982d9270604b"
TURN = "01a1fde3-ede1-7c91-aba7-88d6b6d6f479"
IDS = {"threadId": THREAD, "turnId": TURN}


def lines(*messages: Json | str, sep: tuple[str, str] = (",", ":")) -> bytes:
    texts = (m if isinstance(m, str) else json.dumps(m, separators=sep) for m in messages)
    return "".join(f"{text}\n" for text in texts).encode()


def note(method: str, params: Json, **more: object) -> Json:
    return {"method": method, "params": params, **more}


def rows_of(table: str, *messages: Json | str) -> list[Row]:
    rows = parse(KIND, lines(*messages))
    checked(rows)
    assert rows["parsed_rejects"] == []
    return rows[table]


def said(row: Row) -> Row:
    """What a row says beside where it stands."""
    place = ("line_number", "byte_offset", "recorded_at", "position")
    return {k: v for k, v in row.items() if v is not None and k not in place}


def one(table: str, *messages: Json | str) -> Row:
    (row,) = rows_of(table, *messages)
    return said(row)


def us(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000_000)


# --- the recordings -------------------------------------------------------------------------------


def stream_files(streams: Path, pattern: str = "*") -> list[Path]:
    found = sorted(streams.glob(f"*/app_server/{pattern}.jsonl"))
    assert found
    return found


def messages_of(path: Path) -> Iterator[tuple[str | None, Json]]:
    """(way, message) of every line, by plain json."""
    for line in path.read_text(encoding="utf-8").splitlines():
        value = json.loads(line)
        yield (value["dir"], value["msg"]) if "msg" in value else (None, value)


def test_every_message_is_known_and_counted(streams: Path) -> None:
    for path in stream_files(streams):
        rows = parse(KIND, path.read_bytes())
        checked(rows)
        assert rows["parsed_rejects"] == []
        expected: Counter[tuple[str, str | None]] = Counter()
        for _, message in messages_of(path):
            if "method" in message:
                kind = "request" if "id" in message else "notification"
                expected[kind, message["method"]] += 1
            else:
                expected["error" if "error" in message else "response", None] += 1
        found = rows["parsed_app_server"]
        assert Counter((row["message_kind"], row["method"]) for row in found) == expected, path
        assert all(row["is_known"] for row in found)
        assert len(rows["raw_lines"]) == len(found)
        assert sum(r["byte_length"] + 1 for r in rows["raw_lines"]) == path.stat().st_size


TEXTS = (
    "item/agentMessage/delta",
    "item/reasoning/summaryTextDelta",
    "item/commandExecution/outputDelta",
    "item/commandExecution/terminalInteraction",
    "item/fileChange/outputDelta",
    "turn/diff/updated",
)


def test_sizes_of_texts_are_those_of_plain_json(streams: Path) -> None:
    for path in stream_files(streams):
        rows = parse(KIND, path.read_bytes())
        expected = 0
        outputs = 0
        for _, message in messages_of(path):
            params = message.get("params") or {}
            method = message.get("method", "")
            if method in TEXTS:
                (text,) = (params[name] for name in ("delta", "diff", "stdin") if name in params)
                expected += len(text.encode())
            if method == "item/completed":
                outputs += len((params["item"].get("aggregatedOutput") or "").encode())
        deltas = [row["text_bytes"] for row in rows["parsed_app_server"] if row["method"] in TEXTS]
        assert sum(n or 0 for n in deltas) == expected
        items = rows["parsed_app_items"]
        by_v2 = [r for r in items if r["item_id"] and r["event"] == "completed"]
        v1_lines = {
            row["line_number"]
            for row in rows["parsed_app_server"]
            if (row["method"] or "").startswith("codex/event/")
        }
        assert (
            sum(r["output_bytes"] or 0 for r in by_v2 if r["line_number"] not in v1_lines)
            == outputs
        )


def test_items_and_turns_equal_an_independent_count(streams: Path) -> None:
    for path in stream_files(streams, "*.captured"):
        rows = parse(KIND, path.read_bytes())
        methods = {row["line_number"]: row["method"] for row in rows["parsed_app_server"]}
        items: Counter[tuple[str, str, str | None]] = Counter()
        turns: Counter[tuple[str, str | None]] = Counter()
        tokens = 0
        for _, message in messages_of(path):
            method, params = message.get("method"), message.get("params") or {}
            if method in ("item/started", "item/completed"):
                item = params["item"]
                items[method.split("/")[1], item["type"], item.get("status")] += 1
            if method in ("turn/started", "turn/completed"):
                turns[method, params["turn"]["status"]] += 1
            if method == "thread/tokenUsage/updated":
                tokens += params["tokenUsage"]["last"]["totalTokens"]
        assert items == Counter(
            (row["event"], row["item_type"], row["item_status"])
            for row in rows["parsed_app_items"]
            if methods[row["line_number"]] in ("item/started", "item/completed")
        )
        assert turns == Counter(
            (row["event"], row["turn_status"])
            for row in rows["parsed_app_turns"]
            if methods[row["line_number"]] in ("turn/started", "turn/completed")
        )
        assert tokens == sum(row["last_total_tokens"] for row in rows["parsed_app_usage"])


def test_raw_and_wrapped_lines_give_the_same_rows(streams: Path) -> None:
    place = ("byte_offset", "byte_length", "recorded_at", "payload_hash", "body")
    for wrapped in stream_files(streams, "*.captured"):
        raw = wrapped.with_name(wrapped.name.replace(".captured", ""))
        one, other = parse(KIND, wrapped.read_bytes()), parse(KIND, raw.read_bytes())
        for table in KIND.tables:
            plain = [
                [{k: v for k, v in row.items() if k not in place} for row in rows[table]]
                for rows in (one, other)
            ]
            assert plain[0] == plain[1], table
        assert all(row["recorded_at"] for row in one["raw_lines"])
        assert not any(row["recorded_at"] for row in other["raw_lines"])


def test_slices_change_nothing(streams: Path) -> None:
    content = (streams / "as_goals/app_server/s1.captured.jsonl").read_bytes()
    whole = parse(KIND, content)
    assert parse(KIND, content, cuts=[1, 2, 50, 51, 400]) == whole


# --- forms of lines -------------------------------------------------------------------------------

OLD_NOTE = note("thread/archived", {"threadId": THREAD})


@pytest.mark.parametrize(
    ("wrapper", "at", "connection"),
    [
        ({"ts": "2026-11-21T11:33:43.769Z", "dir": "in"}, "2026-11-21T11:33:43.769Z", None),
        ({"ts": "2026-11-21T12:33:43+01:00", "dir": "in"}, "2026-11-21T11:33:43Z", None),
        ({"ts": 1795260823.5, "dir": "in"}, "2026-11-21T11:33:43.500000Z", None),
        ({"ts": 1795260823500, "dir": "in"}, "2026-11-21T11:33:43.500000Z", None),
        ({"ts": "yesterday", "dir": "in"}, None, None),
        ({"dir": "in", "conn": 7}, None, "7"),
        ({"dir": "in", "connection_id": "ws-1"}, None, "ws-1"),
    ],
)
def test_wrapped_lines(wrapper: Json, at: str | None, connection: str | None) -> None:
    (row,) = rows_of("parsed_app_server", {**wrapper, "msg": OLD_NOTE})
    assert row["recorded_at"] == at
    assert row["connection_name"] == connection
    assert (row["method"], row["thread_id"], row["sender"]) == ("thread/archived", THREAD, "server")


def test_order_of_keys_does_not_matter() -> None:
    params = {"delta": "abcé", "itemId": "i", "turnId": TURN, "threadId": THREAD}
    message = {"emittedAtMs": 5, "params": params, "method": "item/agentMessage/delta"}
    assert one("parsed_app_server", {"msg": message, "dir": "in", "ts": 1.0}) == {
        "sender": "server",
        "message_kind": "notification",
        "method": "item/agentMessage/delta",
        "is_known": True,
        "thread_id": THREAD,
        "turn_id": TURN,
        "item_id": "i",
        "emitted_at": 5000,
        "text_bytes": 5,
    }


def test_ids_in_snake_case() -> None:
    params = {"thread_id": THREAD, "turn_id": TURN, "item_id": "i", "delta": "ab"}
    row = one("parsed_app_server", note("item/agentMessage/delta", params))
    assert (row["thread_id"], row["turn_id"], row["item_id"]) == (THREAD, TURN, "i")
    item = {"type": "commandExecution", "id": "c", "exit_code": 3, "aggregated_output": "xyz"}
    done = {"thread_id": THREAD, "turn_id": TURN, "item": item, "completed_at_ms": 7}
    row = one("parsed_app_items", note("item/completed", done))
    assert (row["exit_code"], row["output_bytes"], row["completed_at"]) == (3, 3, 7000)
    spawn = {"parent_thread_id": "p", "depth": 2, "agent_role": "r"}
    thread = {"id": THREAD, "session_id": "s", "source": {"subAgent": {"thread_spawn": spawn}}}
    row = one("parsed_app_threads", note("thread/started", {"thread": thread}))
    assert (row["root_session_id"], row["parent_thread_id"], row["agent_role"]) == ("s", "p", "r")


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_a_byte_order_mark_costs_no_handshake(is_wrapped: bool) -> None:
    """Some programs of Windows write one before the first line."""
    hello: Json = {"id": 1, "method": "initialize", "params": {"clientInfo": {"name": "ide"}}}
    if is_wrapped:
        hello = {"ts": "2026-11-21T11:33:43.769Z", "dir": "out", "msg": hello}
    rows = parse(KIND, b"\xef\xbb\xbf" + lines(hello, OLD_NOTE))
    checked(rows)
    assert rows["parsed_rejects"] == []
    assert rows["parsed_app_connections"][0]["client_name"] == "ide"
    head = b"\xef\xbb\xbf" + lines(hello)
    place = Found("app-server", None, "/c/stream.jsonl", "/c/stream.jsonl", len(head), 0)
    assert (KIND.identify(place, head).day == "2026-11-21") == is_wrapped


def test_a_handshake_in_snake_case() -> None:
    """It names no id of a thread, turn or item."""
    hello = {
        "client_info": {"name": "ide", "version": "1"},
        "capabilities": {"experimental_api": True},
    }
    row = one("parsed_app_connections", {"id": 1, "method": "initialize", "params": hello})
    assert (row["client_name"], row["is_experimental"]) == ("ide", True)
    agent = {"user_agent": "ide/0.169.0 (Debian 12; x86_64)", "platform_os": "linux"}
    row = one("parsed_app_connections", {"id": 1, "result": agent})
    assert (row["event"], row["cli_version"]) == ("initialize/answered", "0.169.0")
    review = {"turn": {"id": TURN, "status": "inProgress"}, "review_thread_id": THREAD}
    assert one("parsed_app_turns", {"id": 2, "result": review})["review_thread_id"] == THREAD


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ('{"method":"thread/archived","params":{"threadId":"x"}', "not_json"),
        ("garbage", "not_json"),
        ("\x00\x01", "not_json"),
        ("[1,2]", "not_a_message"),
        ("17", "not_a_message"),
        ('"text"', "not_a_message"),
        ("{}", "not_a_message"),
        ('{"id":1}', "not_a_message"),
        ('{"params":{}}', "not_a_message"),
        ('{"method":5}', "not_a_message"),
        ('{"method":"turn/started","params":{"turn":"x"}}', "bad_field"),
        ('{"method":"turn/started","params":[]}', "bad_field"),
        ('{"ts":"2026-11-21T11:33:43.769Z","dir":"in","bytes":12}', "junk"),
        ('{"ts":"2026-11-21T11:33:43.769Z","dir":"in","msg":{"x":1}}', "not_a_message"),
        ('{"id":' + "1" * 30 + ',"result":{}}', "not_a_message"),
        ('{"method":' + "[" * 5000 + "]" * 5000 + "}", "not_a_message"),
        ('{"method":"a","more":' + "[" * 5000 + "]" * 5000 + "}", "not_json"),
    ],
)
def test_unreadable_lines_are_rejects_and_the_rest_is_read(line: str, rule: str) -> None:
    rows = parse(KIND, lines(OLD_NOTE, line, OLD_NOTE))
    checked(rows)
    (reject,) = rows["parsed_rejects"]
    assert (reject["line_number"], reject["rule"]) == (2, rule)
    assert [row["line_number"] for row in rows["parsed_app_server"]] == [1, 3]
    assert len(rows["raw_lines"]) == 3


def test_blank_lines_are_no_rejects() -> None:
    rows = parse(KIND, b"\n   \n" + lines(OLD_NOTE))
    assert rows["parsed_rejects"] == []
    assert (len(rows["raw_lines"]), len(rows["parsed_app_server"])) == (3, 1)


def test_unknown_kinds_are_listed_as_such() -> None:
    rows = rows_of(
        "parsed_app_server",
        note("thread/invented", {"threadId": THREAD, "turnId": TURN}),
        {"id": 9, "method": "future/thing", "params": {"anything": [1]}},
        note("codex/event/invented", {"conversationId": THREAD, "msg": {"type": "invented"}}),
        note("no method, but a sentence", {}),
        note("thread/other", {"threadId": 5}),
    )
    assert [(row["method"], row["is_known"], row["thread_id"]) for row in rows] == [
        ("thread/invented", False, THREAD),
        ("future/thing", False, None),
        ("codex/event/invented", False, THREAD),
        ("unusual", False, None),
        ("thread/other", False, None),
    ]
    assert [row["sender"] for row in rows] == [None] * 5


@given(
    text=st.text(),
    spaced=st.booleans(),
    wrapped=st.booleans(),
    emitted=st.booleans(),
    method=st.sampled_from(
        ["item/agentMessage/delta", "item/reasoning/summaryTextDelta", "turn/diff/updated"]
    ),
    ascii_only=st.booleans(),
)
def test_any_delta_has_its_size(
    text: str, spaced: bool, wrapped: bool, emitted: bool, method: str, ascii_only: bool
) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    params: Json = dict(IDS)
    if method == "turn/diff/updated":
        params["diff"] = text
    else:
        params |= {"itemId": "i", "delta": text}
    if method.endswith("summaryTextDelta"):
        params["summaryIndex"] = 0
    message: Json = note(method, params, **({"emittedAtMs": 5} if emitted else {}))
    if wrapped:
        message = {"ts": "2026-11-21T11:33:43.769Z", "dir": "in", "msg": message}
    sep = (", ", ": ") if spaced else (",", ":")
    line = json.dumps(message, separators=sep, ensure_ascii=ascii_only).encode() + b"\n"
    rows = parse(KIND, line)
    checked(rows)
    (row,) = rows["parsed_app_server"]
    assert (row["text_bytes"], row["thread_id"], row["method"]) == (size, THREAD, method)
    assert row["emitted_at"] == (5000 if emitted else None)


@pytest.mark.parametrize(
    "damage",
    [
        '"delta":"a"b"',  # a quote that is not escaped
        '"delta":"a\\"',  # the end is escaped
        '"delta":"a\\x"',
        '"delta":"a","delta":"b","more":{"x":"y"}',
    ],
)
def test_deltas_in_another_form_are_decoded_in_full(damage: str) -> None:
    ids = f'"threadId":"{THREAD}","turnId":"{TURN}","itemId":"i"'
    line = f'{{"method":"item/agentMessage/delta","params":{{{ids},{damage}}}}}'
    rows = parse(KIND, line.encode() + b"\n")
    try:
        expected = json.loads(line)["params"]["delta"]
    except json.JSONDecodeError:
        assert [row["rule"] for row in rows["parsed_rejects"]] == ["not_json"]
    else:
        assert rows["parsed_app_server"][0]["text_bytes"] == len(expected)


@pytest.mark.parametrize(
    "line",
    [
        b'{"method":"item/completed","params":{"item":{"id":"i","text":"\\n\xff"}}}',
        b'{"method":"item/agentMessage/delta","params":{"threadId":"t","turnId":"u","delta":"\\n\xff"}}',
        b'{"id":1,"result":{"thread":{"id":"t","name":"\\n\xff"}}}',
        b'{"id":1,"result":{"thread":{"id":"t","turns":[{"id":"u"},{"error":{"codexErrorInfo":"\xff\\n"}}]}}}',
        b'{"method":"\xff"}',
    ],
)
def test_texts_that_are_not_utf8_are_rejects_without_rows(line: bytes) -> None:
    rows = parse(KIND, line + b"\n" + lines(OLD_NOTE))
    checked(rows)
    assert [row["rule"] for row in rows["parsed_rejects"]] == ["not_json"]
    assert [row["line_number"] for row in rows["parsed_app_server"]] == [2]
    typed = [t for t, found in rows.items() if found and t.startswith("parsed_app_")]
    assert typed == ["parsed_app_server", "parsed_app_thread_changes"]


@settings(deadline=None)  # the first example loads the parser
@given(
    st.lists(
        st.binary(max_size=60) | st.sampled_from([b'{"method":"x"}', b'{"id":1,"result":']),
        max_size=8,
    )
)
def test_any_bytes_are_rows_or_rejects(parts: list[bytes]) -> None:
    content = b"".join(part.replace(b"\n", b" ") + b"\n" for part in parts)
    rows = parse(KIND, content)
    checked(rows)
    blank = sum(not part.strip() for part in content.split(b"\n")[:-1])
    assert len(rows["raw_lines"]) == len(parts)
    assert len(rows["parsed_app_server"]) + len(rows["parsed_rejects"]) + blank == len(parts)


# --- who asks whom --------------------------------------------------------------------------------


def test_sides_of_requests_and_answers() -> None:
    ask = {"id": 3, "method": "thread/goal/get", "params": {"threadId": THREAD}}
    asked = {"id": 3, "method": "item/fileChange/requestApproval", "params": {**IDS}}
    answer, decided = {"id": 3, "result": {}}, {"id": 3, "result": {"decision": "accept"}}

    def wrapped(way: str, message: Json) -> Json:
        return {"ts": 1.0, "dir": way, "msg": message}

    plain = rows_of("parsed_app_server", ask, asked, answer, decided)
    with_ways = rows_of(
        "parsed_app_server",
        wrapped("out", ask),
        wrapped("in", asked),
        wrapped("in", answer),
        wrapped("out", decided),
    )
    for rows in (plain, with_ways):
        assert [(row["sender"], row["request_side"]) for row in rows] == [
            ("client", "out"),
            ("server", "in"),
            ("server", "out"),
            ("client", "in"),
        ]


def test_a_recorder_on_the_server_s_side_turns_the_ways_round() -> None:
    """Who sends is told by the method; the side of an answer stays that of its request."""
    ask = {"id": 3, "method": "thread/read", "params": {"threadId": THREAD}}
    rows = rows_of(
        "parsed_app_server",
        {"ts": 1.0, "dir": "in", "msg": ask},
        {"ts": 1.0, "dir": "out", "msg": {"id": 3, "error": {"code": -32600, "message": "x"}}},
    )
    assert [row["request_side"] for row in rows] == ["in", "in"]
    assert (rows[0]["sender"], rows[1]["rpc_error_code"]) == ("client", -32600)


def test_known_requests_have_one_sender() -> None:
    assert not CLIENT_REQUESTS & SERVER_REQUESTS


# --- what each kind says --------------------------------------------------------------------------


def test_handshake() -> None:
    request = {
        "id": 1,
        "method": "initialize",
        "params": {
            "clientInfo": {"name": "ide", "title": "IDE", "version": "2"},
            "capabilities": {
                "experimentalApi": True,
                "optOutNotificationMethods": ["turn/diff/updated"],
            },
        },
    }
    agent = "ide/0.169.0 (Mac OS 15.1.0; arm64) iTerm (ide; 2)"
    rows = rows_of(
        "parsed_app_connections",
        request,
        {"id": 1, "result": {"userAgent": agent, "codexHome": "/h", "platformOs": "macos"}},
        note("account/updated", {"authMode": "chatgpt", "planType": "plus"}),
        {"id": 2, "result": {"userAgent": "odd", "platformOs": "linux"}},
    )
    assert [said(row) for row in rows] == [
        {
            "event": "initialize",
            "client_name": "ide",
            "client_title": "IDE",
            "client_version": "2",
            "is_experimental": True,
            "opted_out_methods": 1,
        },
        {
            "event": "initialize/answered",
            "originator": "ide",
            "cli_version": "0.169.0",
            "runtime_os": "Mac OS",
            "runtime_os_version": "15.1.0",
            "runtime_arch": "arm64",
        },
        {"event": "account/updated", "auth_mode": "chatgpt", "plan_type": "plus"},
        {"event": "initialize/answered", "runtime_os": "linux"},
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("cli", {"source_kind": "cli"}),
        ("appServer", {"source_kind": "mcp"}),
        ({"custom": "atlas"}, {"source_kind": "custom", "source_label": "atlas"}),
        ({"internal": "memory"}, {"source_kind": "internal", "source_label": "memory"}),
        ({"subAgent": "review"}, {"source_kind": "subagent", "subagent_kind": "review"}),
        ({"subagent": "Review"}, {"source_kind": "subagent", "subagent_kind": "review"}),
        ({"subAgent": {"other": "x"}}, {"source_kind": "subagent", "subagent_kind": "x"}),
        ({"new": 1}, {"source_kind": "unknown"}),
        (
            {
                "subAgent": {
                    "thread_spawn": {"parent_thread_id": "p", "depth": 1, "agent_type": "t"}
                }
            },
            {
                "source_kind": "subagent",
                "subagent_kind": "thread_spawn",
                "parent_thread_id": "p",
                "subagent_depth": 1,
                "agent_role": "t",
            },
        ),
    ],
)
def test_sources_of_threads(source: object, expected: Row) -> None:
    thread = {"id": THREAD, "source": source}
    row = one("parsed_app_threads", note("thread/started", {"thread": thread}))
    known = {"event": "thread/started", "is_opened": False, "thread_id": THREAD}
    assert row == {**known, **expected}


def test_opened_threads_carry_their_settings() -> None:
    thread = {
        "id": THREAD,
        "sessionId": "root",
        "forkedFromId": "f",
        "ephemeral": False,
        "historyMode": "paginated",
        "status": {"type": "idle"},
        "createdAt": 1795260915,
        "cwd": "/inside",
        "cliVersion": "0.169.0",
        "originator": "ide",
        "threadSource": "automation",
        "name": "größe",
        "gitInfo": {
            "sha": "abc",
            "branch": "b",
            "originUrl": "https://user:secret@h.example/o/r.git",
        },
        "turns": [{"id": "t1", "status": "completed", "durationMs": 5}, {"id": "t2"}],
    }
    result = {
        "thread": thread,
        "model": "gpt-5.4",
        "modelProvider": "openai",
        "cwd": "/outside",
        "approvalPolicy": {"granular": {"x": True}},
        "sandbox": {"type": "readOnly"},
        "reasoningEffort": "high",
    }
    rows = parse(KIND, lines({"id": 2, "result": result}))
    (row,) = rows["parsed_app_threads"]
    assert said(row) == {
        "event": "answer",
        "is_opened": True,
        "thread_id": THREAD,
        "root_session_id": "root",
        "forked_from_id": "f",
        "is_ephemeral": False,
        "history_mode": "paginated",
        "thread_status": "idle",
        "created_at": us("2026-11-21T11:35:15"),
        "cwd": "/outside",
        "cli_version": "0.169.0",
        "originator": "ide",
        "thread_source": "automation",
        "name_chars": 5,
        "git_commit": "abc",
        "git_branch": "b",
        "repository_url": "https://h.example/o/r.git",
        "repo_id": row["repo_id"],
        "model": "gpt-5.4",
        "model_provider": "openai",
        "effort": "high",
        "approval_policy": "granular",
        "sandbox_type": "readOnly",
        "listed_turns": 2,
    }
    assert [(t["event"], t["turn_id"], t["position"]) for t in rows["parsed_app_turns"]] == [
        ("history", "t1", 0),
        ("history", "t2", 1),
    ]


def test_lists_of_threads_and_turns() -> None:
    threads = [
        {"id": "a", "cliVersion": "1", "turns": [{"id": "t1"}]},
        {"id": "b", "cliVersion": "1", "turns": [{"id": "t2"}]},
    ]
    turns = [{"id": "t3", "itemsView": "summary", "status": "failed"}]
    rows = parse(
        KIND,
        lines(
            {"id": 1, "result": {"data": threads, "nextCursor": None}},
            {"id": 2, "result": {"data": turns}},
            {"id": 3, "result": {"data": [{"id": "gpt"}]}},
            {"id": 4, "result": {"data": []}},
            {"id": 5, "result": {"data": [{"cliVersion": 5, "turns": "none"}]}},
        ),
    )
    checked(rows)
    assert [(r["thread_id"], r["position"]) for r in rows["parsed_app_threads"]] == [
        ("a", 0),
        ("b", 1),
    ]
    assert [(r["thread_id"], r["turn_id"], r["position"]) for r in rows["parsed_app_turns"]] == [
        ("a", "t1", 0),
        ("b", "t2", 1),
        (None, "t3", 0),
    ]
    kinds = [row["result_kind"] for row in rows["parsed_app_server"]]
    assert kinds == ["threads", "turns", "list", "list", "list"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            note("thread/status/changed", {"threadId": THREAD, "status": {"type": "idle"}}),
            {"thread_status": "idle"},
        ),
        (
            note("thread/name/updated", {"threadId": THREAD, "threadName": "abc"}),
            {"name_chars": 3},
        ),
        (
            {"id": 1, "method": "thread/name/set", "params": {"threadId": THREAD, "name": "ab"}},
            {"name_chars": 2},
        ),
        (
            note(
                "thread/settings/updated",
                {
                    "threadId": THREAD,
                    "threadSettings": {
                        "model": "m",
                        "effort": "high",
                        "summary": "auto",
                        "sandboxPolicy": {"type": "readOnly"},
                        "collaborationMode": {"mode": "plan", "settings": {"x": 1}},
                        "approvalPolicy": "never",
                        "cwd": "/w",
                    },
                },
            ),
            {
                "model": "m",
                "effort": "high",
                "reasoning_summary": "auto",
                "sandbox_type": "readOnly",
                "collaboration_mode": "plan",
                "approval_policy": "never",
                "cwd": "/w",
            },
        ),
        (
            {
                "id": 1,
                "method": "thread/metadata/update",
                "params": {"threadId": THREAD, "gitInfo": {"branch": "new"}},
            },
            {"git_branch": "new"},
        ),
        (
            {"id": 1, "method": "thread/rollback", "params": {"threadId": THREAD, "numTurns": 2}},
            {"rolled_back_turns": 2},
        ),
        (note("thread/compacted", {"threadId": THREAD, "turnId": TURN}), {}),
    ],
)
def test_changes_of_threads(message: Json, expected: Row) -> None:
    row = one("parsed_app_thread_changes", message)
    assert row == {"event": message["method"], "thread_id": THREAD, **expected}


def test_requests_about_turns() -> None:
    parts = [
        {"type": "text", "text": "größe"},
        {"type": "image", "url": "data:"},
        {"type": "localImage", "path": "/p.png"},
    ]
    start = {"threadId": THREAD, "input": parts, "model": "m", "effort": "low", "cwd": "/w"}
    rows = rows_of(
        "parsed_app_turns",
        {"id": 1, "method": "turn/start", "params": start},
        {
            "id": 2,
            "method": "turn/steer",
            "params": {"threadId": THREAD, "expectedTurnId": TURN, "input": []},
        },
        {"id": 3, "method": "turn/interrupt", "params": IDS},
        {"id": 1, "result": {"turn": {"id": TURN, "status": "inProgress"}}},
        {"id": 4, "result": {"turn": {"id": TURN}, "reviewThreadId": "r"}},
    )
    assert [said(row) for row in rows] == [
        {
            "event": "turn/start",
            "thread_id": THREAD,
            "model": "m",
            "effort": "low",
            "cwd": "/w",
            "input_parts": 3,
            "input_images": 2,
            "text_bytes": 7,
        },
        {
            "event": "turn/steer",
            "thread_id": THREAD,
            "turn_id": TURN,
            "input_parts": 0,
            "input_images": 0,
            "text_bytes": 0,
        },
        {"event": "turn/interrupt", "thread_id": THREAD, "turn_id": TURN},
        {"event": "answer", "turn_id": TURN, "turn_status": "inProgress"},
        {"event": "answer", "turn_id": TURN, "review_thread_id": "r"},
    ]


@pytest.mark.parametrize(
    ("info", "kind", "status"),
    [
        ("usageLimitExceeded", "usageLimitExceeded", None),
        ({"httpConnectionFailed": {"httpStatusCode": 502}}, "httpConnectionFailed", 502),
        (
            {"responseStreamDisconnected": {"httpStatusCode": None}},
            "responseStreamDisconnected",
            None,
        ),
        ({"activeTurnNotSteerable": {"turnKind": "review"}}, "activeTurnNotSteerable", None),
        (None, "unknown", None),
    ],
)
def test_errors_are_kinds(info: object, kind: str, status: int | None) -> None:
    error = {"message": "secret", "codexErrorInfo": info}
    expected = {"error_kind": kind} | ({} if status is None else {"error_http_status": status})
    row = one("parsed_app_turns", note("error", {**IDS, "error": error, "willRetry": True}))
    assert row == {
        "event": "error",
        "thread_id": THREAD,
        "turn_id": TURN,
        "will_retry": True,
        **expected,
    }
    turn = {"id": TURN, "status": "failed", "error": error, "startedAt": 1, "completedAt": 2}
    row = one("parsed_app_turns", note("turn/completed", {"threadId": THREAD, "turn": turn}))
    assert {k: row[k] for k in expected} == expected
    assert (row["started_at"], row["completed_at"]) == (1_000_000, 2_000_000)


def test_rerouted_model() -> None:
    params = {**IDS, "fromModel": "a", "toModel": "b", "reason": "highRiskCyberActivity"}
    row = one("parsed_app_turns", note("model/rerouted", params))
    assert (row["model"], row["rerouted_from_model"]) == ("b", "a")


ITEMS: list[tuple[Json, Row]] = [
    (
        {"type": "userMessage", "content": [{"type": "text", "text": "é"}, {"type": "image"}]},
        {"text_bytes": 2, "input_parts": 2, "input_images": 1},
    ),
    (
        {"type": "agentMessage", "text": "abc", "phase": "final_answer"},
        {"text_bytes": 3, "phase": "final_answer"},
    ),
    ({"type": "plan", "text": "abcd"}, {"text_bytes": 4}),
    ({"type": "reasoning", "summary": ["ab", "c"], "content": ["de"]}, {"text_bytes": 5}),
    ({"type": "hookPrompt", "fragments": [{"text": "abc"}]}, {"text_bytes": 3}),
    ({"type": "enteredReviewMode", "review": "abc"}, {"text_bytes": 3}),
    (
        {
            "type": "commandExecution",
            "command": "/bin/bash -lc 'cd x && rg secret'",
            "commandActions": [
                {"type": "read"},
                {"type": "listFiles"},
                {"type": "search"},
                {"type": "unknown"},
            ],
            "source": "userShell",
            "status": "failed",
            "exitCode": 2,
            "durationMs": 9,
            "aggregatedOutput": "out\n",
        },
        {
            "command_word": "rg",
            "command_source": "userShell",
            "read_actions": 1,
            "list_actions": 1,
            "search_actions": 1,
            "other_actions": 1,
            "item_status": "failed",
            "exit_code": 2,
            "duration_ms": 9,
            "output_bytes": 4,
        },
    ),
    (
        {
            "type": "fileChange",
            "changes": [
                {"path": "a", "kind": {"type": "add"}},
                {"path": "b", "kind": {"type": "update", "move_path": None}},
                {"path": "c", "kind": {"type": "update", "move_path": "d"}},
                {"path": "e", "kind": {"type": "delete"}},
            ],
        },
        {"files_added": 1, "files_updated": 1, "files_moved": 1, "files_deleted": 1},
    ),
    (
        {
            "type": "mcpToolCall",
            "server": "s",
            "tool": "t",
            "arguments": {"a": 1},
            "result": {"content": [{"type": "text", "text": "abc"}]},
        },
        {"tool_server": "s", "tool_name": "t", "output_bytes": 3},
    ),
    (
        {
            "type": "dynamicToolCall",
            "namespace": "n",
            "tool": "t",
            "success": False,
            "contentItems": [{"type": "inputText", "text": "ab"}, {"type": "inputImage"}],
        },
        {"tool_namespace": "n", "tool_name": "t", "is_success": False, "output_bytes": 2},
    ),
    (
        {
            "type": "collabAgentToolCall",
            "tool": "spawnAgent",
            "receiverThreadIds": ["r1", "r2"],
            "model": "m",
        },
        {"tool_name": "spawnAgent", "agent_thread_ids": ["r1", "r2"], "model": "m"},
    ),
    (
        {"type": "subAgentActivity", "kind": "started", "agentThreadId": "r1"},
        {"activity_kind": "started", "agent_thread_ids": ["r1"]},
    ),
    (
        {"type": "webSearch", "query": "q", "action": {"type": "search", "queries": ["q", "r"]}},
        {"web_action": "search", "web_queries": 2, "has_query": True},
    ),
    (
        {"type": "webSearch", "query": "", "action": {"type": "openPage", "url": "u"}},
        {"web_action": "openPage", "has_query": False},
    ),
    ({"type": "webSearch", "query": "q", "action": None}, {"has_query": True}),
    ({"type": "sleep", "durationMs": 5}, {"duration_ms": 5}),
    ({"type": "imageView", "path": "/secret.png"}, {}),
    ({"type": "somethingNew", "x": 1}, {}),
]


@pytest.mark.parametrize(("item", "expected"), ITEMS, ids=lambda value: str(value.get("type", "")))
def test_items(item: Json, expected: Row) -> None:
    params = {**IDS, "item": {"id": "i", **item}, "completedAtMs": 3}
    row = one("parsed_app_items", note("item/completed", params))
    known = {
        "event": "completed",
        "thread_id": THREAD,
        "turn_id": TURN,
        "item_id": "i",
        "item_type": item["type"],
        "completed_at": 3000,
    }
    assert row == {**known, **expected}


def test_hooks_are_items() -> None:
    run = {
        "id": "h",
        "eventName": "preToolUse",
        "status": "completed",
        "startedAt": 1795260915000,
        "durationMs": 4,
    }
    assert one("parsed_app_items", note("hook/completed", {**IDS, "run": run})) == {
        "event": "completed",
        "thread_id": THREAD,
        "turn_id": TURN,
        "item_id": "h",
        "item_type": "hook",
        "item_status": "completed",
        "started_at": us("2026-11-21T11:35:15"),
        "duration_ms": 4,
        "tool_name": "preToolUse",
    }


def test_response_usage() -> None:
    usage = {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7}
    params = {**IDS, "responseId": "resp_1", "usage": usage}
    assert one("parsed_app_usage", note("rawResponse/completed", params)) == {
        "event": "rawResponse/completed",
        "thread_id": THREAD,
        "turn_id": TURN,
        "response_id": "resp_1",
        "last_input_tokens": 5,
        "last_output_tokens": 2,
        "last_total_tokens": 7,
    }


def test_limits_by_family() -> None:
    families = {"codex": {"limitId": "codex", "primary": {"usedPercent": 5}}, "other": {}}
    result = {"rateLimits": {"limitId": "codex"}, "rateLimitsByLimitId": families}
    rows = rows_of("parsed_app_rate_limits", {"id": 1, "result": result})
    assert [(r["position"], r["limit_id"], r["primary_used_percent"]) for r in rows] == [
        (0, "codex", 5),
        (1, "other", None),
    ]


def test_goals() -> None:
    goal = {
        "threadId": THREAD,
        "objective": "größe",
        "status": "budgetLimited",
        "tokenBudget": 9,
        "tokensUsed": 10,
        "timeUsedSeconds": 2,
        "createdAt": 1,
        "updatedAt": 2,
    }
    told = {
        "thread_id": THREAD,
        "goal_status": "budget_limited",
        "token_budget": 9,
        "tokens_used": 10,
        "seconds_used": 2,
        "goal_created_at": 1_000_000,
        "goal_updated_at": 2_000_000,
        "objective_chars": 5,
    }
    rows = rows_of(
        "parsed_app_goals",
        note("thread/goal/updated", {"threadId": THREAD, "turnId": TURN, "goal": goal}),
        {"id": 1, "result": {"goal": goal}},
        {"id": 2, "result": {"goal": None}},
        note("thread/goal/cleared", {"threadId": THREAD}),
        {"id": 3, "method": "thread/goal/set", "params": {"threadId": THREAD, "status": "paused"}},
    )
    assert [said(row) for row in rows] == [
        {"event": "thread/goal/updated", "turn_id": TURN, **told},
        {"event": "answer", **told},
        {"event": "answer"},
        {"event": "thread/goal/cleared", "thread_id": THREAD},
        {"event": "thread/goal/set", "thread_id": THREAD, "goal_status": "paused"},
    ]


def test_approval_requests() -> None:
    command = {
        **IDS,
        "itemId": "c",
        "approvalId": "a",
        "startedAtMs": 5,
        "reason": "secret",
        "command": "curl secret",
        "networkApprovalContext": {"host": "secret", "protocol": "https"},
        "proposedExecpolicyAmendment": ["curl"],
        "additionalPermissions": {"network": {"enabled": True}},
    }
    rows = rows_of(
        "parsed_app_approvals",
        {"id": 0, "method": "item/commandExecution/requestApproval", "params": command},
        {
            "id": "s-1",
            "method": "execCommandApproval",
            "params": {"conversationId": THREAD, "callId": "c", "command": ["bash", "-lc", "ls"]},
        },
        {
            "id": 2,
            "method": "item/tool/requestUserInput",
            "params": {**IDS, "itemId": "q", "questions": [{"id": "a"}, {"id": "b"}]},
        },
    )
    assert said(rows[0]) == {
        "event": "request",
        "request_id": "0",
        "approval_kind": "command_execution",
        "reviewer": "user",
        "thread_id": THREAD,
        "turn_id": TURN,
        "item_id": "c",
        "approval_ref": "a",
        "started_at": 5000,
        "has_network_context": True,
        "network_protocol": "https",
        "has_policy_amendment": True,
        "has_more_permissions": True,
        "has_reason": True,
        "command_word": "curl",
    }
    assert (rows[1]["thread_id"], rows[1]["item_id"], rows[1]["command_word"]) == (
        THREAD,
        "c",
        "ls",
    )
    assert (rows[2]["approval_kind"], rows[2]["questions"]) == ("user_input", 2)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"decision": "accept"}, {"decision": "accept"}),
        ({"decision": "approved_for_session"}, {"decision": "approved_for_session"}),
        (
            {"decision": {"acceptWithExecpolicyAmendment": {"execpolicy_amendment": ["x"]}}},
            {"decision": "acceptWithExecpolicyAmendment"},
        ),
        (
            {
                "decision": {
                    "applyNetworkPolicyAmendment": {
                        "network_policy_amendment": {"host": "h", "action": "deny"}
                    }
                }
            },
            {"decision": "applyNetworkPolicyAmendment", "network_action": "deny"},
        ),
        (
            {"permissions": {"network": {"enabled": True}}, "scope": "session"},
            {"decision": "granted", "decision_scope": "session"},
        ),
        ({"permissions": {}}, {"decision": "denied", "decision_scope": "turn"}),
        ({"answers": {"q1": {"answers": ["a"]}}}, {"decision": "answered", "questions": 1}),
        ({"action": "decline", "content": None}, {"decision": "decline"}),
        ({"contentItems": [], "success": True}, {"decision": "completed"}),
    ],
)
def test_answers_to_approvals(result: Json, expected: Row) -> None:
    row = one("parsed_app_approvals", {"id": 4, "result": result})
    assert row == {"event": "answer", "request_id": "4", "reviewer": "user", **expected}


def test_guardian_s_reviews() -> None:
    review = {"status": "approved", "riskLevel": "low", "rationale": "secret"}
    params = {
        **IDS,
        "reviewId": "r",
        "targetItemId": "c",
        "startedAtMs": 1,
        "completedAtMs": 4,
        "review": review,
        "action": {"type": "command", "command": "rm secret"},
    }
    row = one("parsed_app_approvals", note("item/autoApprovalReview/completed", params))
    assert {
        k: row[k] for k in ("event", "reviewer", "decision", "approval_kind", "command_word")
    } == {
        "event": "review_completed",
        "reviewer": "guardian",
        "decision": "approved",
        "approval_kind": "command_execution",
        "command_word": "rm",
    }
    review["status"] = "inProgress"
    row = one("parsed_app_approvals", note("item/autoApprovalReview/started", params))
    assert (row["event"], "decision" in row) == ("review_started", False)


def test_version_1_events() -> None:
    def event(kind: str, **msg: object) -> Json:
        params = {"id": "0", "conversationId": THREAD, "msg": {"type": kind, **msg}}
        return note(f"codex/event/{kind}", params)

    rows = parse(
        KIND,
        lines(
            event("task_started"),
            event("exec_command_begin", call_id="c", command=["bash", "-lc", "make"]),
            event("exec_command_output_delta", call_id="c", chunk="aGkK"),
            event(
                "exec_command_end",
                call_id="c",
                command=["bash", "-lc", "make"],
                exit_code=2,
                aggregated_output="no\n",
                duration={"secs": 1, "nanos": 500_000_000},
            ),
            event("turn_aborted", reason="interrupted"),
            note("codex/event", {"id": "9", "msg": {"type": "task_complete"}}),
        ),
    )
    checked(rows)
    assert [(r["event"], r["turn_id"], r["turn_status"]) for r in rows["parsed_app_turns"]] == [
        ("turn/started", "0", "inProgress"),
        ("turn/completed", "0", "interrupted"),
        ("turn/completed", "9", "completed"),
    ]
    done = rows["parsed_app_items"][1]
    assert (done["item_status"], done["exit_code"], done["duration_ms"]) == ("failed", 2, 1500)
    assert (done["command_word"], done["output_bytes"]) == ("make", 3)
    assert rows["parsed_app_server"][2]["text_bytes"] == 4
    assert rows["parsed_app_server"][5]["method"] == "codex/event/task_complete"


# --- privacy --------------------------------------------------------------------------------------

CANARY = "Kanarienvogel zwitschert"
WORDS = ("Kanarienvogel", "zwitschert")


@pytest.mark.parametrize("mode", ["standard", "strict"])
def test_no_content_of_the_recordings_gets_through(streams: Path, mode: str) -> None:
    for path in stream_files(streams, "*.captured"):
        texts = []
        for line in path.read_text(encoding="utf-8").splitlines():
            texts.append(json.dumps(planted_message(json.loads(line), CANARY)))
        rows = parse(KIND, lines(*texts), mode)
        assert rows["parsed_rejects"] == []
        found = texts_of(rows)
        assert not [text for text in found if any(word in text for word in WORDS)]
        if mode == "strict":
            assert not [text for text in found if "/home/dev" in text or "feat/etl" in text]


@pytest.mark.parametrize("mode", ["standard", "strict"])
def test_no_content_of_other_kinds_gets_through(mode: str) -> None:
    c = CANARY
    secret: list[Json | str] = [
        {"id": 1, "error": {"code": -1, "message": c, "data": c}},
        note(
            "error", {**IDS, "error": {"message": c, "additionalDetails": c, "codexErrorInfo": c}}
        ),
        note("warning", {"threadId": THREAD, "message": c}),
        note("thread/goal/updated", {"threadId": THREAD, "goal": {"objective": c, "status": c}}),
        {"id": 2, "method": "thread/goal/set", "params": {"threadId": THREAD, "objective": c}},
        {"id": 3, "method": "turn/steer", "params": {**IDS, "input": [{"type": c, "text": c}]}},
        {"id": 4, "method": "fs/writeFile", "params": {"path": c, "dataBase64": c}},
        {"id": 5, "method": c, "params": {c: c}},
        {"id": c, "method": "thread/read", "params": {"threadId": c}},
        {
            "id": 6,
            "method": "item/commandExecution/requestApproval",
            "params": {**IDS, "command": f"rm {c}", "reason": c, "cwd": "/w"},
        },
        {"id": 7, "method": "mcpServer/elicitation/request", "params": {**IDS, "message": c}},
        {"id": 7, "result": {"action": "accept", "content": {c: c}}},
        {"id": 8, "result": {"answers": {c: {"answers": [c]}}}},
        {"id": 9, "result": {"decision": {c: c}}},
        {"id": 10, "result": {"data": [c], "stdout": c, "other": {c: c}}},
        note("item/completed", {**IDS, "item": {"type": c, "id": "i", "text": c, "command": c}}),
        note(
            "item/completed",
            {
                **IDS,
                "item": {
                    "type": "mcpToolCall",
                    "id": "i",
                    "tool": "t",
                    "arguments": {c: c},
                    "result": {"content": [{"type": "text", "text": c}], "structuredContent": c},
                    "error": {"message": c},
                },
            },
        ),
        note(
            "item/completed",
            {
                **IDS,
                "item": {"type": "imageGeneration", "id": "i", "revisedPrompt": c, "result": c},
            },
        ),
        note("hook/completed", {**IDS, "run": {"id": "h", "statusMessage": c, "entries": [c]}}),
        note("codex/event/agent_message", {"conversationId": THREAD, "msg": {"message": c}}),
        note("codex/event/error", {"conversationId": THREAD, "msg": {"message": c}}),
        note("turn/plan/updated", {**IDS, "explanation": c, "plan": [{"step": c}]}),
        note("thread/started", {"thread": {"id": THREAD, "preview": c, "name": c}}),
        f"{c} is no JSON",
        f'{{"method": "item/agentMessage/delta", "params": {{"threadId": "t", "delta": "{c}',
        json.dumps({"method": "turn/started", "params": {"turn": c}}),
        json.dumps({"method": {c: c}}),
        json.dumps([c]),
    ]
    rows = parse(KIND, lines(*secret), mode)
    checked(rows)
    assert len(rows["raw_lines"]) == len(secret)
    assert not [text for text in texts_of(rows) if any(word in text for word in WORDS)]
