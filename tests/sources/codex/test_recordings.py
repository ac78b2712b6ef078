"""Recordings of the real CLI: what the parser tells of them equals a count with plain json.

Belongs here: counts and sums by kind, over whole files, each made a second time without any
code of the warehouse. Does not belong here: single lines (test_lines.py), usage (tests of
accounting compare that with what the server billed).
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.sources.parsed import Row, checked, parse
from warehouse.sources.codex import CodexSource

SCENARIOS = (
    *("as_agents_v1_legacy", "as_agents_v2", "as_compact_paginated_remote", "as_goals"),
    *("as_multi_legacy", "as_multi_paginated", "as_review", "as_rl_multi", "as_ws_paginated"),
    *("exec_json_resume", "exec_models", "exec_resume", "old_0.47.0", "old_0.80.0", "tui_apikey"),
    "x_compress_as_multi_legacy",
)
SAMPLE = Path(__file__).parents[3] / "data/sample"


@cache
def contents(home: Path) -> tuple[bytes, ...]:
    found = []
    for path in sorted(home.rglob("rollout-*.jsonl*")):
        content = path.read_bytes()
        if path.suffix == ".zst":
            content = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)).read()
        found.append(content)
    return tuple(found)


@cache
def rows_of(home: Path) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    for content in contents(home):
        for table, some in parse(CodexSource(), content).items():
            rows.setdefault(table, []).extend(some)
    return rows


def lines_of(home: Path) -> Iterator[dict[str, Any]]:
    for content in contents(home):
        for line in content.splitlines():
            yield json.loads(line)


def payloads(home: Path, kind: str, *types: str) -> list[dict[str, Any]]:
    return [
        line["payload"]
        for line in lines_of(home)
        if line["type"] == kind and (not types or line["payload"].get("type") in types)
    ]


def items(home: Path, *types: str) -> list[dict[str, Any]]:
    done = [payload["item"] for payload in payloads(home, "event_msg", "item_completed")]
    return [item for item in done if item["type"] in types]


@pytest.fixture(params=SCENARIOS, scope="module")
def home(request: pytest.FixtureRequest, recordings: Path) -> Path:
    return recordings / str(request.param) / "codex_home"


def test_every_recording_is_counted(recordings: Path) -> None:
    assert sorted(path.name for path in recordings.iterdir()) == sorted(SCENARIOS)


def test_nothing_is_rejected_or_unknown(home: Path) -> None:
    rows = rows_of(home)
    assert rows["parsed_rejects"] == []
    assert rows["parsed_unknown"] == []
    checked(rows)


def test_only_the_torn_line_of_the_sample_is_rejected() -> None:
    rows = rows_of(SAMPLE)
    assert [row["rule"] for row in rows["parsed_rejects"]] == ["not_json"]
    assert rows["parsed_unknown"] == []


def test_lines(home: Path) -> None:
    expected = Counter(
        (line["type"], line["payload"].get("type"), line["timestamp"], line.get("ordinal"))
        for line in lines_of(home)
    )
    found = Counter(
        (row["type"], row["payload_type"], row["recorded_at"], row["ordinal"])
        for row in rows_of(home)["raw_lines"]
    )
    assert found == expected
    assert sum(row["byte_length"] + 1 for row in rows_of(home)["raw_lines"]) == sum(
        map(len, contents(home))
    )


@pytest.mark.parametrize(
    ("table", "kind", "types"),
    [
        ("parsed_session_meta", "session_meta", ()),
        ("parsed_turn_context", "turn_context", ()),
        ("parsed_settings", "event_msg", ("thread_settings_applied",)),
        ("parsed_lifecycle", "event_msg", ("task_started", "task_complete", "turn_aborted")),
        ("parsed_compactions", "compacted", ()),
        ("parsed_goal_updates", "event_msg", ("thread_goal_updated",)),
        ("parsed_reasoning", "response_item", ("reasoning",)),
        ("parsed_agent_messages", "response_item", ("agent_message",)),
    ],
)
def test_one_row_a_line(home: Path, table: str, kind: str, types: tuple[str, ...]) -> None:
    assert len(rows_of(home)[table]) == len(payloads(home, kind, *types))


def test_usage(home: Path) -> None:
    expected = Counter(
        {
            "token_count": len(payloads(home, "event_msg", "token_count")),
            "token_usage_record": len(payloads(home, "token_usage_record")),
        }
    )
    assert Counter(row["usage_kind"] for row in rows_of(home)["parsed_usage"]) == +expected
    limits = [p for p in payloads(home, "event_msg", "token_count") if p["rate_limits"]]
    assert len(rows_of(home)["parsed_rate_limits"]) == len(limits)


def texts_of_messages(home: Path) -> Iterator[tuple[str, str, str]]:
    """(carrier, role, text) of all messages."""
    for p in payloads(home, "event_msg", "user_message", "agent_message"):
        role = "user" if p["type"] == "user_message" else "assistant"
        yield "event", role, p["message"]
    for p in payloads(home, "response_item", "message"):
        parts = [part["text"] for part in p["content"] if "text" in part]
        yield "response_item", p["role"], "".join(parts)
    for item in items(home, "UserMessage", "AgentMessage"):
        role = "user" if item["type"] == "UserMessage" else "assistant"
        parts = [part["text"] for part in item["content"] if "text" in part]
        yield "item", role, "".join(parts)


def test_messages(home: Path) -> None:
    expected: Counter[tuple[str, str, str]] = Counter()
    for carrier, role, text in texts_of_messages(home):
        expected[carrier, role, "lines"] += 1
        expected[carrier, role, "chars"] += len(text)
        expected[carrier, role, "bytes"] += len(text.encode())
    found: Counter[tuple[str, str, str]] = Counter()
    for row in rows_of(home)["parsed_messages"]:
        key = row["carrier"], row["role"]
        found[*key, "lines"] += 1
        found[*key, "chars"] += row["text_chars"]
        found[*key, "bytes"] += row["text_bytes"]
    assert found == expected


def test_prompts_are_told_from_context(home: Path) -> None:
    """Of all user messages that the model got, as many are prompts as events and items say."""
    injected = re.compile(
        r"<(environment_context|turn_aborted|user_shell_command|user_action|codex_internal_context"
        r"|subagent_notification)|# AGENTS\.md"
    )
    users = [p for p in payloads(home, "response_item", "message") if p["role"] == "user"]
    prompts = sum(
        not all(injected.match(part["text"]) for part in p["content"] if "text" in part)
        for p in users
    )
    found = [
        row
        for row in rows_of(home)["parsed_messages"]
        if (row["carrier"], row["role"]) == ("response_item", "user")
    ]
    assert sum(row["context_kind"] is None for row in found) == prompts
    assert len(found) == len(users)


def test_attachments(home: Path) -> None:
    expected: Counter[str] = Counter()
    for p in payloads(home, "event_msg", "user_message"):
        expected["event images"] += len(p.get("images") or [])
        expected["event local"] += len(p.get("local_images") or [])
    for p in payloads(home, "response_item", "message"):
        expected["response_item images"] += sum("image_url" in part for part in p["content"])
    for item in items(home, "UserMessage"):
        expected["item images"] += sum(part["type"] == "image" for part in item["content"])
        expected["item local"] += sum(part["type"] == "local_image" for part in item["content"])
    found: Counter[str] = Counter()
    for row in rows_of(home)["parsed_attachments"]:
        found[f"{row['carrier']} images"] += row["images"]
        found[f"{row['carrier']} local"] += row["local_images"]
        assert row["image_types"] == ["png"]
    assert +found == +expected


def test_reasoning(home: Path) -> None:
    expected = payloads(home, "response_item", "reasoning")
    found = rows_of(home)["parsed_reasoning"]
    parts = [part["text"] for p in expected for part in p["summary"]]
    assert sum(row["summary_parts"] for row in found) == len(parts)
    assert sum(row["summary_chars"] or 0 for row in found) == sum(map(len, parts))
    sealed = sum(len(p["encrypted_content"]) for p in expected)
    assert sum(row["encrypted_bytes"] for row in found) == sealed


CALLS = {
    "function_call": "function",
    "custom_tool_call": "custom",
    "web_search_call": "web_search",
}


def test_tool_calls(home: Path) -> None:
    expected: Counter[object] = Counter()
    for p in payloads(home, "response_item", *CALLS):
        kind = CALLS[p["type"]]
        text = p.get("arguments", p.get("input"))
        expected[
            kind,
            p.get("name", kind),
            p.get("namespace"),
            p.get("call_id", p.get("id")),
            None if text is None else len(text.encode()),
        ] += 1
    found = Counter(
        (
            row["call_kind"],
            row["tool_name"],
            row["tool_namespace"],
            row["item_id"],
            row["argument_bytes"],
        )
        for row in rows_of(home)["parsed_tool_calls"]
    )
    assert found == expected


def test_commands_have_their_first_word(home: Path) -> None:
    """Scripts of the recordings begin with a plain word."""
    expected: Counter[str] = Counter()
    for p in payloads(home, "response_item", "function_call"):
        try:
            arguments = json.loads(p["arguments"])
        except ValueError:
            continue
        command = arguments.get("cmd") or arguments.get("command")
        if command:
            script = command if isinstance(command, str) else command[-1]
            expected[re.split(r"[\s;]", script.strip())[0]] += 1
    found = Counter(
        row["command_word"] for row in rows_of(home)["parsed_tool_calls"] if row["command_word"]
    )
    assert found == expected


def test_tool_results(home: Path) -> None:
    expected: Counter[object] = Counter()
    for p in payloads(home, "response_item", "function_call_output", "custom_tool_call_output"):
        output, code = p["output"], None
        if isinstance(output, str):
            size = len(json.dumps(output, ensure_ascii=False)) - 2
            if output.startswith('{"output"'):
                with contextlib.suppress(ValueError):  # filler cut some
                    code = json.loads(output)["metadata"]["exit_code"]
            elif told := re.match(
                r"(?:Exit code: |(?:Chunk ID: \S+\n)?Wall time: \S+ seconds\n"
                r"Process exited with code )(-?\d+)",
                output,
            ):
                code = int(told.group(1))
        else:
            size = 0  # pictures only
        expected[p["type"].split("_")[0], p.get("call_id"), size, code] += 1
    found = Counter(
        (row["call_kind"], row["item_id"], row["output_bytes"], row["exit_code"])
        for row in rows_of(home)["parsed_tool_results"]
    )
    assert found == expected


NO_ROWS = {"UserMessage", "AgentMessage", "Reasoning"}
NO_WORK = {"ContextCompaction", "EnteredReviewMode", "ExitedReviewMode"}
EVENTS = {
    "patch_apply_end": "fileChange",
    "web_search_end": "webSearch",
    "sub_agent_activity": "subAgentActivity",
}


def test_items(home: Path) -> None:
    done = [p["item"] for p in payloads(home, "event_msg", "item_completed")]
    expected = Counter(
        item["type"][0].lower() + item["type"][1:]
        for item in done
        if item["type"] not in NO_ROWS | NO_WORK
    )
    for p in payloads(home, "event_msg", *EVENTS):
        expected[EVENTS[p["type"]]] += 1
    found = rows_of(home)["parsed_items"]
    assert Counter(row["item_type"] for row in found) == expected
    commands = items(home, "CommandExecution")
    assert Counter(row["exit_code"] for row in found if row["item_type"] == "commandExecution") == (
        Counter(item["exit_code"] for item in commands)
    )
    assert sum(row["output_bytes"] for row in found if row["item_type"] == "commandExecution") == (
        sum(len(json.dumps(i["aggregated_output"], ensure_ascii=False)) - 2 for i in commands)
    )


def test_events(home: Path) -> None:
    kinds = ("context_compacted", "thread_rolled_back", "entered_review_mode", "exited_review_mode")
    expected = Counter(p["type"] for p in payloads(home, "event_msg", *kinds))
    names = {"ContextCompaction": "context_compacted"}
    for item in items(home, *NO_WORK):
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", item["type"]).lower()
        expected[names.get(item["type"], name)] += 1
    for kind in ("world_state", "inter_agent_communication_metadata"):
        expected[kind] += len(payloads(home, kind))
    expected["additional_tools"] = len(payloads(home, "response_item", "additional_tools"))
    found = Counter(row["event"] for row in rows_of(home)["parsed_events"])
    assert found == +expected


def test_patches(home: Path) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    patched = payloads(home, "event_msg", "patch_apply_end")
    for carrier, changed in (("event", patched), ("item", items(home, "FileChange"))):
        for patch in changed:
            for change in patch["changes"].values():
                expected[carrier, change["type"]] += 1
                text = change.get("content", change.get("unified_diff", ""))
                signs = [line[0] for line in text.splitlines() if line]
                if change["type"] == "add":
                    expected[carrier, "+"] += len(text.splitlines())
                else:
                    expected[carrier, "+"] += signs.count("+")
                    expected[carrier, "-"] += signs.count("-")
    for p in payloads(home, "response_item", "custom_tool_call"):
        text = p["input"]
        expected["response_item", "add"] += text.count("*** Add File:")
        expected["response_item", "update"] += text.count("*** Update File:")
        signs = [line[0] for line in text.splitlines() if line]
        expected["response_item", "+"] += signs.count("+")
        expected["response_item", "-"] += signs.count("-")
    found: Counter[tuple[str, str]] = Counter()
    names = {"add": "files_added", "update": "files_updated", "+": "lines_added"}
    for row in rows_of(home)["parsed_patches"]:
        for name, column in {**names, "-": "lines_removed"}.items():
            found[row["carrier"], name] += row[column]
        assert (row["files_deleted"], row["files_moved"]) == (0, 0)
    assert +found == +expected


@pytest.mark.parametrize("step", [1, 2, 7])
def test_slices_give_the_same_rows(recordings: Path, step: int) -> None:
    home = recordings / "as_agents_v2" / "codex_home"
    for content in contents(home):
        whole = parse(CodexSource(), content)
        cuts = list(range(step, content.count(b"\n"), step))
        assert parse(CodexSource(), content, cuts=cuts) == whole
