"""Files from before the envelope, and the JSON documents of the TypeScript CLI.

Belongs here: what lines without an envelope give, finding and identifying such files. Does
not belong here: the response items in them, which are those of later files (test_lines.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import Warehouse
from tests.sources.codex.test_lines import CASES, SOURCE, shown
from tests.sources.codex.test_router import CANARY, dumped, only, read, without_place
from tests.sources.parsed import checked, parse_whole, texts_of
from warehouse.scanning import Root

THREAD = "0198f2c1-4a3b-4c5d-8e9f-001122334455"
HEAD = {
    "id": THREAD,
    "timestamp": "2025-08-01T10:00:00.000Z",
    "instructions": "be brief",
    "git": {"commit_hash": "abc", "branch": "main", "repository_url": "git@example.org:a/b.git"},
}
ITEMS: list[dict[str, Any]] = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "do it"}]},
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "abc"}]},
    {
        "type": "function_call",
        "id": "fc_1",
        "name": "shell",
        "arguments": '{"command":["bash","-lc","ls"]}',
        "call_id": "c1",
    },
    {
        "type": "function_call_output",
        "call_id": "c1",
        "output": '{"output":"a\\n","metadata":{"exit_code":0,"duration_seconds":0.1}}',
    },
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ok"}]},
]


def test_a_bare_file() -> None:
    rows = read(dumped(HEAD), dumped({"record_type": "state"}), *map(dumped, ITEMS))
    assert [(r["type"], r["payload_type"], r["recorded_at"]) for r in rows["raw_lines"]] == [
        (kind, None, None) for kind in (None, None, *(item["type"] for item in ITEMS))
    ]
    assert rows["parsed_rejects"] == rows["parsed_unknown"] == []
    meta = shown("parsed_session_meta", only(rows, "parsed_session_meta"))
    assert meta.pop("repo_id")
    assert meta.pop("user_instructions_hash")
    assert meta == {
        "thread_id": THREAD,
        "created_at": "2025-08-01T10:00:00Z",
        "git_commit": "abc",
        "git_branch": "main",
        "repository_url": "example.org:a/b.git",
        "has_base_instructions": False,
        "has_user_instructions": True,
        "user_instructions_chars": 8,
        "has_local_time": True,
    }
    assert [(r["role"], r["text_chars"]) for r in rows["parsed_messages"]] == [
        ("user", 5),
        ("assistant", 2),
    ]
    assert only(rows, "parsed_reasoning")["summary_chars"] == 3
    assert only(rows, "parsed_tool_calls")["command_word"] == "ls"
    assert only(rows, "parsed_tool_results")["exit_code"] == 0


@pytest.mark.parametrize(
    ("timestamp", "has_local_time"),
    [
        ("2025-09-03T23:59:59.999Z", True),
        ("2025-09-04T00:00:00.000Z", False),
        (None, False),
    ],
)
def test_heads_told_local_time_before_2025_09_04(
    timestamp: str | None, has_local_time: bool
) -> None:
    head = {"id": THREAD, "timestamp": timestamp}
    meta = only(read(dumped(head)), "parsed_session_meta")
    assert meta["has_local_time"] is has_local_time


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.values[0]["line"]["type"] == "response_item"]
)
def test_response_items_give_the_same_rows_without_an_envelope(case: Any) -> None:
    line = case["line"]
    envelope = {"timestamp": "x", **line}
    bare = without_place(read(dumped(line["payload"])))
    enveloped = without_place(read(dumped(envelope)))
    assert bare == enveloped


def test_unknown_bare_lines_and_fields_are_reported() -> None:
    rows = read(
        dumped({"type": "new_item", "text": CANARY}),
        dumped({**ITEMS[0], "new": CANARY}),
        dumped({**HEAD, "new": CANARY}),
    )
    assert [(r["shape_kind"], r["unknown_field"]) for r in rows["parsed_unknown"]] == [
        ("bare/new_item", None),
        ("bare/message", "new"),
        ("bare/head", "new"),
    ]
    assert not any(CANARY in text for text in texts_of(rows))


def test_a_bare_line_that_does_not_fit_is_rejected() -> None:
    rows = read(dumped({**ITEMS[2], "arguments": [CANARY]}))
    assert only(rows, "parsed_rejects")["rule"] == "bad_field"
    assert len(rows["raw_lines"]) == 1


# --- JSON documents -------------------------------------------------------------------------------

DOCUMENT = {"session": {**HEAD, "id": THREAD.replace("-", "")}, "items": ITEMS}


def write(folder: Path, document: object, name: str = f"rollout-2025-05-01-{THREAD}.json") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2))
    return path


@pytest.mark.parametrize("document", [DOCUMENT, dict(reversed(DOCUMENT.items()))])
def test_a_document(tmp_path: Path, document: dict[str, Any]) -> None:
    path = write(tmp_path, document)
    rows = parse_whole(SOURCE, path)
    checked(rows)
    assert rows["parsed_rejects"] == rows["parsed_unknown"] == []
    meta = only(rows, "parsed_session_meta")
    assert (meta["thread_id"], meta["has_local_time"]) == (THREAD.replace("-", ""), False)
    assert [r["role"] for r in rows["parsed_messages"]] == ["user", "assistant"]
    content = path.read_bytes()
    parts = [
        json.loads(content[r["byte_offset"] : r["byte_offset"] + r["byte_length"]])
        for r in rows["raw_lines"]
    ]
    values = [part for v in document.values() for part in (v if isinstance(v, list) else [v])]
    assert parts == values
    assert [r["line_number"] for r in rows["raw_lines"]] == list(range(1, len(values) + 1))


def test_a_document_gives_the_rows_of_a_bare_file(tmp_path: Path) -> None:
    document = without_place(parse_whole(SOURCE, write(tmp_path, DOCUMENT)))
    lines = without_place(read(*map(dumped, (DOCUMENT["session"], *ITEMS))))
    for table in ("parsed_messages", "parsed_reasoning", "parsed_tool_calls"):
        assert document[table] == lines[table]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"items":[]}',
        b'{"session":1,"items":5}',
        b"\xff" * 9,
        b'{"session":{"id":"a"},"items":[{"b":1}],"session":{"id":"c"}}',
    ],
)
def test_what_is_no_document_is_rejected(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rollout-2025-05-01-x.json"
    path.write_bytes(content)
    rows = parse_whole(SOURCE, path)
    assert only(rows, "parsed_rejects")["rule"] == "not_a_document"
    assert len(rows["raw_lines"]) == 1


def test_documents_are_found_and_keep_their_identity(tmp_path: Path) -> None:
    home = tmp_path / "codex"
    path = write(home / "sessions", {**DOCUMENT, "items": ITEMS[:2]})
    write(home / "sessions", DOCUMENT, "other.json")
    (found,) = SOURCE.discover(home, None)
    assert (found.path, found.is_whole, found.is_compressed) == (str(path), True, False)
    first = SOURCE.identify(found, path.read_bytes())
    assert (first.thread_id, first.day) == (THREAD.replace("-", ""), "2025-05-01")
    write(home / "sessions", DOCUMENT)
    assert SOURCE.identify(found, path.read_bytes()) == first


def test_a_document_that_grew_is_read_anew(tmp_path: Path) -> None:
    home = tmp_path / "codex"
    write(home / "sessions", {**DOCUMENT, "items": ITEMS[:1]})
    warehouse = Warehouse(tmp_path / "home", [Root("codex", home, None)], "standard")
    warehouse.sync()
    assert len(warehouse.rows("parsed_messages", "role")) == 1
    write(home / "sessions", DOCUMENT)
    warehouse.sync()
    assert len(warehouse.rows("parsed_messages", "role")) == 2
    assert len(warehouse.rows("raw_lines", "line_number")) == 1 + len(ITEMS)
