"""Which texts a rollout line holds, checked against plain `json`.

Belongs here: `texts_of`. Does not belong here: which lines are captured, and where texts go.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.content.texts import texts_of


def lines_of(recordings: Path) -> Iterator[bytes]:
    for path in sorted(recordings.glob("*/codex_home/**/rollout-*.jsonl*")):
        content = path.read_bytes()
        if path.suffix == ".zst":
            reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content))
            content = reader.read()
        yield from content.splitlines()


def plainly(line: bytes) -> Counter[tuple[str, str]]:
    """(kind, text) of a line by the plainest means, for the kinds that recordings have."""
    try:
        value = json.loads(line)
    except ValueError:
        return Counter()
    p = value["payload"]
    found: list[tuple[str, str]] = []

    def add(kind: str, texts: Any) -> None:
        if isinstance(texts, dict):
            texts = json.dumps(texts, separators=(",", ":"), ensure_ascii=False)
        texts = [texts] if isinstance(texts, str) else texts or []
        texts = [t["text"] if isinstance(t, dict) else t for t in texts if t]
        found.extend((kind, text) for text in texts if text)

    def parts(content: Any) -> Any:
        if isinstance(content, list):
            return [part for part in content if isinstance(part, str) or "text" in part]
        return content

    match value["type"], p.get("type"):
        case "response_item", "message":
            add("answer" if p["role"] == "assistant" else "context", parts(p["content"]))
        case "response_item", "agent_message":
            add("agent_message", parts(p["content"]))
        case "response_item", "reasoning":
            add("reasoning", p["summary"])
        case "response_item", "function_call":
            add("tool_arguments", p["arguments"])
        case "response_item", "custom_tool_call":
            add("tool_arguments", p["input"])
        case "response_item", "web_search_call":
            add("tool_arguments", p.get("action"))
        case "response_item", "function_call_output" | "custom_tool_call_output":
            add("tool_output", parts(p["output"]))
        case "event_msg", "user_message":
            add("prompt", p["message"])
        case "event_msg", "agent_message":
            add("answer", p["message"])
        case "event_msg", "agent_reasoning":
            add("reasoning", p["text"])
        case "event_msg", "thread_goal_updated":
            add("objective", p["goal"]["objective"])
        case "event_msg", "patch_apply_end":
            add("tool_arguments", p["changes"])
            add("tool_output", [p["stdout"], p["stderr"]])
        case "event_msg", "web_search_end":
            add("tool_arguments", p["query"])
            add("tool_arguments", p["action"])
        case "event_msg", "exited_review_mode":
            add("answer", p["review_output"])
        case "compacted", _:
            add("summary", p["message"])
        case "event_msg", "item_completed":
            item = p["item"]
            match item["type"]:
                case "UserMessage":
                    add("prompt", parts(item["content"]))
                case "AgentMessage":
                    add("answer", parts(item["content"]))
                case "Reasoning":
                    add("reasoning", item["summary_text"])
                case "CommandExecution":
                    add(
                        "tool_arguments",
                        json.dumps(item["command"], separators=(",", ":"), ensure_ascii=False),
                    )
                    add("tool_output", item["aggregated_output"])
                case "FileChange":
                    add("tool_arguments", item["changes"])
                    add("tool_output", [item["stdout"], item["stderr"]])
                case "WebSearch":
                    add("tool_arguments", item["query"])
                    add("tool_arguments", item["action"])
                case "ExitedReviewMode":
                    add("answer", item["review_output"])
    return Counter(found)


def test_equal_what_plain_json_finds_in_recordings(recordings: Path) -> None:
    kinds: Counter[str] = Counter()
    for line in lines_of(recordings):
        expected = plainly(line)
        assert Counter((text.kind, text.text) for text in texts_of(line).texts) == expected
        kinds.update(kind for kind, _ in expected.elements())
    for kind in (
        *("prompt", "answer", "reasoning", "context", "agent_message", "tool_arguments"),
        *("tool_output", "summary", "objective"),
    ):
        assert kinds[kind] >= 1, kind


def one(kind: str, payload: dict[str, object]) -> list[tuple[str | None, ...]]:
    line = json.dumps({"timestamp": "2026-03-04T10:00:00.123Z", "type": kind, "payload": payload})
    return [(t.carrier, t.kind, t.text, t.role, t.tool, t.item) for t in texts_of(line.encode())[1]]


@pytest.mark.parametrize(
    ("kind", "payload", "expected"),
    [
        (
            "response_item",
            {
                "type": "local_shell_call",
                "call_id": "c",
                "action": {"type": "exec", "command": ["ls"]},
            },
            [("response_item", "tool_arguments", '["ls"]', None, "local_shell", "c")],
        ),
        (
            "response_item",
            {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "c"},
            [("response_item", "tool_arguments", "{}", None, "shell", "c")],
        ),
        (
            "response_item",
            {
                "type": "function_call_output",
                "call_id": "c",
                "output": [
                    {"type": "input_text", "text": "done"},
                    {"type": "input_image", "image_url": "data:..."},
                ],
            },
            [("response_item", "tool_output", "done", None, None, "c")],
        ),
        (
            "response_item",
            {
                "type": "reasoning",
                "id": "r",
                "summary": [{"type": "summary_text", "text": "a"}],
                "content": [{"type": "reasoning_text", "text": "b"}],
                "encrypted_content": "gAAA",
            },
            [
                ("response_item", "reasoning", "a", None, None, "r"),
                ("response_item", "reasoning", "b", None, None, "r"),
            ],
        ),
        (
            "event_msg",
            {
                "type": "exec_command_end",
                "call_id": "c",
                "command": ["bash", "-lc", "ls"],
                "stdout": "out",
                "stderr": "",
            },
            [
                ("event", "tool_arguments", '["bash","-lc","ls"]', None, "exec_command", "c"),
                ("event", "tool_output", "out", None, "exec_command", "c"),
            ],
        ),
        (
            "event_msg",
            {
                "type": "mcp_tool_call_end",
                "call_id": "c",
                "invocation": {"server": "s", "tool": "t", "arguments": {"q": 1}},
                "result": {"Ok": {"content": []}},
            },
            [
                ("event", "tool_arguments", '{"q":1}', None, "t", "c"),
                ("event", "tool_output", '{"Ok":{"content":[]}}', None, "t", "c"),
            ],
        ),
        (
            "event_msg",
            {
                "type": "item_completed",
                "item": {
                    "type": "McpToolCall",
                    "id": "i",
                    "tool": "t",
                    "arguments": {"q": 1},
                    "error": {"message": "no"},
                },
            },
            [
                ("item", "tool_arguments", '{"q":1}', None, "t", "i"),
                ("item", "tool_output", '{"message":"no"}', None, "t", "i"),
            ],
        ),
        (
            "inter_agent_communication",
            {"author": "/root", "recipient": "/root/a", "content": "hello"},
            [("event", "agent_message", "hello", None, None, None)],
        ),
        ("event_msg", {"type": "error", "message": "no"}, []),
        ("session_meta", {"id": "t", "instructions": "be good"}, []),
        ("turn_context", {"user_instructions": "be good"}, []),
        ("compacted", {"message": "", "replacement_history": [{"text": "copied"}]}, []),
        ("new_kind", {"message": "?"}, []),
    ],
)
def test_lines_that_recordings_lack(
    kind: str, payload: dict[str, object], expected: list[tuple[str | None, ...]]
) -> None:
    assert one(kind, payload) == expected


def test_time_is_that_of_the_line() -> None:
    payload = b'"payload":{"type":"user_message","message":"hi"}}'
    for written, expected in [
        (b'"2026-03-04T10:00:00.123Z"', b"2026-03-04T10:00:00.123Z"),
        (b'"2026-03-04T12:00:00+02:00"', b"2026-03-04T10:00:00Z"),
        (b'"soon"', None),
        (b"7", None),
    ]:
        line = b'{"timestamp":%b,"type":"event_msg",%b' % (written, payload)
        assert texts_of(line).recorded_at == expected


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    *("type", "payload", "item", "text", "message", "content", "output", "goal"),
                    *("arguments", "command", "invocation", "action", "summary", "id", "call_id"),
                ]
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=20,
)
kinds = st.sampled_from(
    [
        *("message", "user_message", "reasoning", "function_call", "function_call_output"),
        *("local_shell_call", "mcp_tool_call_end", "thread_goal_updated", "item_completed"),
        *("CommandExecution", "UserMessage", "McpToolCall"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    envelope=st.sampled_from(["response_item", "event_msg", "compacted", "x"]),
    kind=kinds,
    fields=st.dictionaries(
        st.sampled_from(["message", "content", "output", "arguments", "goal", "action", "item"]),
        json_values,
        max_size=4,
    ),
)
def test_any_value_in_any_field(envelope: str, kind: str, fields: dict[str, Any]) -> None:
    line = json.dumps({"type": envelope, "payload": {**fields, "type": kind}}).encode()
    for text in texts_of(line).texts:
        assert isinstance(text.text, str)
        assert text.text


@given(line=st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=100, deadline=None)
def test_any_bytes(line: bytes) -> None:
    texts_of(line)
