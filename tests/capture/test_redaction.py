"""Messages without content: what Rollhouse reads of them is the same, what they say is gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.parsed import parse
from warehouse.capture import entry
from warehouse.redaction import KEPT, OPAQUE, redacted
from warehouse.sources.app_server import AppServerSource

KIND = AppServerSource()
Json = Any

# What the place of a line and the line itself change with.
OF_THE_LINE = ("byte_offset", "byte_length", "payload_hash", "body", "recorded_at")


def sizes(text: str) -> dict[str, int]:
    return {"bytes": len(text.encode()), "chars": len(text)}


def test_what_is_read_of_the_recordings_is_the_same(streams: Path) -> None:
    for path in sorted(streams.glob("*/app_server/*.captured.jsonl")):
        whole, without = [], []
        for line in path.read_text(encoding="utf-8").splitlines():
            wrapped = json.loads(line)
            message = json.dumps(wrapped["msg"]).encode()
            whole.append(entry(wrapped["dir"], 1.0, message, content=True))
            without.append(entry(wrapped["dir"], 1.0, message, content=False))
        with_content = parse(KIND, b"\n".join(whole) + b"\n")
        redacted_rows = parse(KIND, b"\n".join(without) + b"\n")
        assert with_content["parsed_rejects"] == []
        for table in KIND.tables:
            one, other = (
                [{k: v for k, v in row.items() if k not in OF_THE_LINE} for row in rows[table]]
                for rows in (with_content, redacted_rows)
            )
            assert one == other, (path, table)


def test_no_text_of_the_recordings_stays(streams: Path) -> None:
    """Whatever prompts, answers, outputs, diffs and objectives the recordings hold."""
    texts = set()

    def collect(value: Json, key: str = "") -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                collect(inner, name)
        elif isinstance(value, list):
            for inner in value:
                collect(inner, key)
        elif isinstance(value, str) and " " in value.strip() and key not in KEPT:
            texts.add(value.strip()[:40])

    kept = []
    for path in sorted(streams.glob("*/app_server/*.captured.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            message = json.loads(line)["msg"]
            collect(message.get("params"))
            collect(message.get("result"))
            kept.append(json.dumps(redacted(message)))
    texts.discard("ETL Probe")
    assert len(texts) > 50
    everything = "\n".join(kept)
    assert not [text for text in texts if json.dumps(text)[1:-1] in everything]


def test_texts_become_their_sizes() -> None:
    item = {
        "type": "commandExecution",
        "id": "call_1",
        "command": "/bin/bash -lc 'rm größe'",
        "cwd": "/my work",
        "exitCode": 3,
        "aggregatedOutput": "größe",
        "commandActions": [{"type": "read", "command": "cat x", "path": None}],
    }
    assert redacted({"params": {"item": item}}) == {
        "params": {
            "item": {
                "type": "commandExecution",
                "id": "call_1",
                "command": {**sizes("/bin/bash -lc 'rm größe'"), "word": "rm"},
                "cwd": "/my work",
                "exitCode": 3,
                "aggregatedOutput": sizes("größe"),
                "commandActions": [
                    {"type": "read", "command": {**sizes("cat x"), "word": "cat"}, "path": None}
                ],
            }
        }
    }
    assert redacted({"command": ["bash", "-lc", "ls"]}) == {
        "command": {**sizes("bash -lc ls"), "word": "ls"}
    }


@pytest.mark.parametrize(
    "message",
    [
        {"params": {"arguments": {"secret": "secret", "n": 1}}},
        {"params": {"config": {"env": {"secret": 1}}}},
        {"params": {"id": "a secret with spaces", "status": "secret words"}},
        {"params": {"future": {"anything": ["secret"]}}},
        {"params": {"a secret key": 1}},
        {"params": {"name": "secret", "title": "secret"}},
        {"params": {"clientInfo": {"extra": "secret"}}},
        {"params": {"reason": "secret", "summary": "secret"}},
        {"params": {"gitInfo": {"originUrl": "https://me:secret@host.example/o/r.git"}}},
        {"params": {"gitInfo": {"originUrl": "secret@host.example:o/r.git"}}},
        {"params": {"git_info": {"origin_url": "https://me:secret@host.example/o/r.git"}}},
        {"params": {"base_instructions": {"text": "secret", "secret": 1}, "_meta": {"secret": 1}}},
        {"params": {"decision": "secret words", "codexErrorInfo": {"secret thing": 1}}},
        {"result": "secret"},
        {"params": ["secret", ["secret"]]},
    ],
)
def test_what_has_no_fixed_form_does_not_stay(message: Json) -> None:
    assert "secret" not in json.dumps(redacted(message))


@pytest.mark.parametrize(
    "message",
    [
        {
            "id": 1,
            "method": "initialize",
            "params": {"clientInfo": {"name": "My IDE", "version": "2"}},
        },
        {"id": "a-1", "result": {"decision": "acceptForSession"}},
        {"result": {"decision": {"acceptWithExecpolicyAmendment": {"n": 1}}}},
        {"params": {"approvalPolicy": "on-request", "codexErrorInfo": "usageLimitExceeded"}},
        {"params": {"threadSettings": {"summary": "detailed", "model": "gpt-5.4"}}},
        {"params": {"turn": {"status": "completed", "durationMs": 5}, "x": None, "y": True}},
        {"params": {"receiverThreadIds": ["a", "b"]}},
        {"params": {"gitInfo": {"originUrl": "https://host.example/o/r.git"}}},
        # streams in snake_case
        {"method": "serverRequest/resolved", "params": {"thread_id": "t", "request_id": "r-1"}},
        {"params": {"client_info": {"name": "My IDE"}, "thread": {"session_id": "s"}}},
        {"params": {"error": {"codex_error_info": "usageLimitExceeded"}, "_meta": None}},
        {"result": {"userAgent": "ide/0.169.0 (Mac OS 15.1.0; arm64) iTerm (ide; 2)"}},
    ],
)
def test_what_has_a_fixed_form_stays(message: Json) -> None:
    assert redacted(message) == message


def test_kept_and_opaque_do_not_meet() -> None:
    assert not KEPT & OPAQUE
    assert not KEPT & {"text", "delta", "name", "title", "content", "preview", "path", "message"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_any_value_can_be_redacted(value: Json) -> None:
    message = {"method": "x", "params": value}
    once = redacted(message)
    msgspec.json.encode(once)
    assert redacted(once) == once
