"""Analytics captures: every event typed, counted, and without content."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.parsed import Row, checked, parse, texts_of
from warehouse.contracts import lake_tables
from warehouse.sources.analytics import AnalyticsSource
from warehouse.sources.analytics.shapes import EVENTS

KIND = AnalyticsSource()
Json = dict[str, Any]

THREAD = "01a1fde2-3b26-7130-82e9-d3ec059794e2"
CLIENT = {
    "product_client_id": "product",
    "client_name": "ide",
    "client_version": "1",
    "rpc_transport": "stdio",
    "experimental_api_enabled": True,
}
RUNTIME = {
    "codex_rs_version": "0.169.0",
    "runtime_os": "linux",
    "runtime_os_version": "12",
    "runtime_arch": "x86_64",
}


def event(event_type: str, **params: object) -> Json:
    return {"event_type": event_type, "event_params": params}


def lines(*values: object) -> bytes:
    texts = (v if isinstance(v, str) else json.dumps(v) for v in values)
    return "".join(f"{text}\n" for text in texts).encode()


def rows_of(table: str, *events: Json) -> list[Row]:
    rows = parse(KIND, lines({"events": list(events)}))
    checked(rows)
    assert rows["parsed_rejects"] == []
    return rows[table]


def said(row: Row) -> Row:
    place = ("line_number", "byte_offset", "recorded_at", "position")
    return {k: v for k, v in row.items() if v is not None and k not in place}


# --- the recordings -------------------------------------------------------------------------------


def captures(streams: Path) -> list[Path]:
    found = sorted(streams.glob("*/analytics/*.jsonl"))
    assert found
    return found


def test_every_event_is_known_and_counted(streams: Path) -> None:
    for path in captures(streams):
        rows = parse(KIND, path.read_bytes())
        checked(rows)
        assert rows["parsed_rejects"] == []
        expected: Counter[str] = Counter()
        by_table: Counter[str] = Counter()
        for line in path.read_text(encoding="utf-8").splitlines():
            for one in json.loads(line)["events"]:
                expected[one["event_type"]] += 1
                by_table[EVENTS[one["event_type"]][0]] += 1
        found = rows["parsed_analytics"]
        assert Counter(row["event_type"] for row in found) == expected
        assert all(row["is_known"] for row in found)
        typed = {t: len(r) for t, r in rows.items() if t.startswith("parsed_analytics_") and r}
        assert typed == by_table


def test_values_equal_those_of_plain_json(streams: Path) -> None:
    """Numbers of turns and tools, summed by plain json and by the rows."""
    for path in captures(streams):
        rows = parse(KIND, path.read_bytes())
        sums: Counter[str] = Counter()
        for line in path.read_text(encoding="utf-8").splitlines():
            for one in json.loads(line)["events"]:
                params = one["event_params"]
                if one["event_type"] == "codex_turn_event":
                    for name in ("input_tokens", "output_tokens", "total_tokens", "duration_ms"):
                        sums[f"turn {name}"] += params[name] or 0
                    sums["turn requests"] += params["sampling_request_count"]
                    sums["turn starts"] += params["started_at"]
                if "started_at_ms" in params:
                    sums["tool starts"] += params["started_at_ms"]
                    sums["tool time"] += params["duration_ms"]
                    sums["exit codes"] += params.get("exit_code") or 0
                    sums["added files"] += params.get("file_add_count") or 0
        turns, tools = rows["parsed_analytics_turns"], rows["parsed_analytics_tools"]
        found: Counter[str] = Counter()
        for row in turns:
            for name in ("input_tokens", "output_tokens", "total_tokens", "duration_ms"):
                found[f"turn {name}"] += row[name] or 0
            found["turn requests"] += row["sampling_requests"]
            found["turn starts"] += row["started_at"] // 1_000_000
        for row in tools:
            found["tool starts"] += row["started_at"] // 1000
            found["tool time"] += row["duration_ms"]
            found["exit codes"] += row["exit_code"] or 0
            found["added files"] += row["files_added"] or 0
        assert found == sums


def test_interrupted_turns_keep_what_is_not_known(streams: Path) -> None:
    rows = parse(KIND, (streams / "as_goals/analytics/analytics_events.jsonl").read_bytes())
    tokens = {row["turn_status"]: row["total_tokens"] for row in rows["parsed_analytics_turns"]}
    assert tokens["interrupted"] is None
    assert tokens["completed"] > 0


def test_slices_change_nothing(streams: Path) -> None:
    content = (streams / "as_goals/analytics/analytics_events.jsonl").read_bytes()
    assert parse(KIND, content, cuts=[1, 2, 30]) == parse(KIND, content)


# --- the catalogue --------------------------------------------------------------------------------


def test_catalogue_is_whole() -> None:
    """28 types are documented; 0.169 adds control tool calls and archives of threads."""
    assert len(EVENTS) == 30
    for table, shape, told in EVENTS.values():
        columns = {column.name for column in lake_tables()[table].columns}
        fields = set(shape.__struct_fields__) - {"repo_url"}
        assert fields | told.keys() <= columns, shape


# What a field of each type says in the test below, and what its column holds then.
_BY_KIND: dict[object, tuple[object, object]] = {
    int: (7, 7),
    bool: (True, True),
    str: ("word", "word"),
}


def _example(shape: type[msgspec.Struct], column: str) -> tuple[object, object]:
    """(what the event says, what the column holds) for a field."""
    special: dict[str, tuple[object, object]] = {
        "started_at": (1, None),
        "completed_at": (2, None),
        "created_at": (3, None),
        "occurred_at": (4, None),
        "interrupt_requested_at": (5, None),
        "turn_error": ("usageLimitExceeded", "usageLimitExceeded"),
        "subject_kind": (
            ({"type": "shell"}, "shell") if shape.__name__ == "GuardianReview" else ("x", "x")
        ),
        "has_script_path": ("/secret", True),
        "agent_thread_ids": (["a", "b"], ["a", "b"]),
        "active_plugins": (["a"], 1),
        "prepared_images": ([{}, {}], 2),
        "line_fingerprints": ([], 0),
        "plugin_connectors": (["a"], 1),
        "plugins": ([{}], 1),
        "repo_url": ("git@h.example:o/r.git", None),
    }
    if column in special:
        return special[column]
    hint = str(get_type_hints(shape)[column])
    kind: object = bool if "bool" in hint else int if "int" in hint else str
    return _BY_KIND[kind]


@pytest.mark.parametrize("event_type", sorted(EVENTS))
def test_every_parameter_has_its_column(event_type: str) -> None:
    table, shape, told = EVENTS[event_type]
    names = dict(zip(shape.__struct_fields__, shape.__struct_encode_fields__, strict=True))
    examples = {column: _example(shape, column) for column in names}
    params = {names[column]: value for column, (value, _) in examples.items()}
    (row,) = rows_of(table, event(event_type, **params))
    for column, (value, expected) in examples.items():
        if expected is not None:
            assert row[column] == expected, column
        elif column.endswith("_at") and isinstance(value, int):
            scale = 1000 if names[column].endswith("_ms") else 1_000_000
            assert row[column] == value * scale, column
    assert row.items() >= told.items()
    if "repo_url" in names:
        assert row["repository_url"] == "h.example:o/r.git"


@pytest.mark.parametrize("event_type", sorted(EVENTS))
def test_an_event_of_an_older_version_lacks_fields(event_type: str) -> None:
    table, _, _ = EVENTS[event_type]
    assert len(rows_of(table, event(event_type))) == 1
    assert len(rows_of(table, {"event_type": event_type})) == 1


def test_whose_an_event_is() -> None:
    (row,) = rows_of(
        "parsed_analytics",
        event(
            "codex_goal_event",
            thread_id=THREAD,
            session_id="root",
            turn_id="t",
            app_server_client=CLIENT,
            runtime=RUNTIME,
            thread_source="subagent",
            subagent_source="thread_spawn",
            parent_thread_id="p",
        ),
    )
    assert said(row) == {
        "event_type": "codex_goal_event",
        "is_known": True,
        "thread_id": THREAD,
        "root_session_id": "root",
        "turn_id": "t",
        "product_client_id": "product",
        "client_name": "ide",
        "client_version": "1",
        "rpc_transport": "stdio",
        "is_experimental": True,
        "cli_version": "0.169.0",
        "runtime_os": "linux",
        "runtime_os_version": "12",
        "runtime_arch": "x86_64",
        "thread_source": "subagent",
        "subagent_kind": "thread_spawn",
        "parent_thread_id": "p",
    }


def test_context_free_events_name_their_product() -> None:
    skill = event("skill_invocation", product_client_id="cli", thread_id=THREAD)
    skill |= {"skill_id": "abc", "skill_name": "deploy"}
    rows = parse(KIND, lines({"events": [skill]}))
    assert rows["parsed_analytics"][0]["product_client_id"] == "cli"
    extension = said(rows["parsed_analytics_extensions"][0])
    assert (extension["skill_id"], extension["skill_name"]) == ("abc", "deploy")


# --- forms of lines -------------------------------------------------------------------------------

GOAL = event("codex_goal_event", thread_id=THREAD, event_kind="created")


@pytest.mark.parametrize(
    ("line", "at", "events"),
    [
        (
            {"received_at": "2026-11-21T11:33:44.670Z", "events": [GOAL, GOAL]},
            "2026-11-21T11:33:44.670Z",
            2,
        ),
        ({"received_at": 1795260824.5, "events": [GOAL]}, "2026-11-21T11:33:44.500000Z", 1),
        ({"events": [GOAL]}, None, 1),
        ({"events": []}, None, 0),
        (GOAL, None, 1),
        ({**GOAL, "received_at": "2026-11-21T11:33:44Z"}, "2026-11-21T11:33:44Z", 1),
        ([GOAL, GOAL], None, 2),
        ("\ufeff" + json.dumps(GOAL), None, 1),
    ],
)
def test_forms_of_lines(line: object, at: str | None, events: int) -> None:
    rows = parse(KIND, lines(line))
    checked(rows)
    assert rows["parsed_rejects"] == []
    assert rows["raw_lines"][0]["recorded_at"] == at
    goals = rows["parsed_analytics_goals"]
    assert [(row["recorded_at"], row["position"]) for row in goals] == [
        (at, position) for position in range(events)
    ]


def test_unknown_events_are_kept_by_type() -> None:
    rows = rows_of(
        "parsed_analytics",
        event("codex_invented_event", thread_id=THREAD, anything={"x": [1]}),
        event("a sentence, not a type"),
        {"event_params": {"thread_id": THREAD}},
    )
    assert [(row["event_type"], row["is_known"]) for row in rows] == [
        ("codex_invented_event", False),
        ("unusual", False),
        ("unusual", False),
    ]
    assert rows[0]["thread_id"] == THREAD


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ('{"events":[', "not_json"),
        ("noise", "not_json"),
        ("5", "not_an_event"),
        ('{"events":5}', "not_an_event"),
        ("{}", "not_an_event"),
        ('{"event_params":{}}', "not_an_event"),
    ],
)
def test_unreadable_lines_are_rejects_and_the_rest_is_read(line: str, rule: str) -> None:
    rows = parse(KIND, lines(GOAL, line, GOAL))
    checked(rows)
    assert [(r["line_number"], r["rule"]) for r in rows["parsed_rejects"]] == [(2, rule)]
    assert [row["line_number"] for row in rows["parsed_analytics_goals"]] == [1, 3]


def test_texts_that_are_not_utf8_are_rejects_without_rows() -> None:
    bad = (
        b'{"events":[{"event_type":"codex_turn_event","event_params":{"turn_error":"\\n\xff"}}]}\n'
    )
    rows = parse(KIND, lines({"events": [GOAL]}) + bad)
    checked(rows)
    assert [row["rule"] for row in rows["parsed_rejects"]] == ["not_json"]
    assert rows["parsed_analytics_turns"] == []
    assert [row["line_number"] for row in rows["parsed_analytics"]] == [1]


def test_one_bad_event_costs_no_other_its_row() -> None:
    misfit = event("codex_turn_event", thread_id=THREAD, duration_ms="long")
    rows = parse(KIND, lines({"events": [GOAL, misfit, 5, GOAL]}))
    checked(rows)
    assert [(r["event_type"], r["is_known"]) for r in rows["parsed_analytics"]] == [
        ("codex_goal_event", True),
        ("codex_turn_event", False),
        ("codex_goal_event", True),
    ]
    (reject,) = rows["parsed_rejects"]
    assert reject["rule"] == "bad_field"
    assert len(rows["parsed_analytics_goals"]) == 2


@settings(deadline=None)  # the first example loads the parser
@given(
    st.lists(
        st.binary(max_size=60)
        | st.sampled_from([json.dumps(GOAL).encode(), b'{"events":[{}]}', b'{"events":[null]}']),
        max_size=8,
    )
)
def test_any_bytes_are_rows_or_rejects(parts: list[bytes]) -> None:
    content = b"".join(part.replace(b"\n", b" ") + b"\n" for part in parts)
    rows = parse(KIND, content)
    checked(rows)
    assert len(rows["raw_lines"]) == len(parts)
    with_rows = {row["line_number"] for row in rows["parsed_analytics"]}
    rejected = {row["line_number"] for row in rows["parsed_rejects"]}
    blank = {n for n, part in enumerate(content.split(b"\n")[:-1], 1) if not part.strip()}
    empty = {n for n, part in enumerate(parts, 1) if part.strip() == b'{"events":[]}'}
    assert with_rows | rejected | blank | empty == set(range(1, len(parts) + 1))


# --- privacy --------------------------------------------------------------------------------------

CANARY = "Kanarienvogel zwitschert"


@pytest.mark.parametrize("mode", ["standard", "strict"])
@pytest.mark.parametrize("event_type", [*sorted(EVENTS), "codex_invented_event"])
def test_no_content_gets_through(event_type: str, mode: str) -> None:
    """Texts where ids and names of fixed sets belong, and in fields that nobody knows."""
    params: Json = {CANARY: CANARY, "message": CANARY, "prompt": [CANARY], "error": {"m": CANARY}}
    if event_type in EVENTS:
        _, shape, _ = EVENTS[event_type]
        hints = get_type_hints(shape, include_extras=True)
        names = zip(shape.__struct_fields__, shape.__struct_encode_fields__, strict=True)
        # names of tools and programs are kept; whatever has a fixed form must hold it
        params |= {
            wire: CANARY
            for column, wire in names
            if "Annotated" in str(hints[column]) and "str" in str(hints[column]).split("|")[0]
        }
        params.pop("receiver_thread_ids", None)
    rows = parse(KIND, lines({"events": [event(event_type, **params)]}, f"{CANARY} {{"), mode)
    checked(rows)
    assert len(rows["raw_lines"]) == 2
    assert not [text for text in texts_of(rows) if "Kanarienvogel" in text]


def test_repositories_and_their_hashes_under_strict_privacy() -> None:
    skill = event("skill_invocation", repo_url="https://user:secret@h.example/o/r.git")
    kept = event("codex_accepted_line_fingerprints", repo_hash="4c80e019")
    content = lines({"events": [skill, kept]})
    standard, strict = parse(KIND, content), parse(KIND, content, "strict")
    extension = standard["parsed_analytics_extensions"][0]
    assert extension["repository_url"] == "https://h.example/o/r.git"
    hidden = strict["parsed_analytics_extensions"][0]
    assert (hidden["repository_url"], hidden["repo_id"]) == (None, extension["repo_id"])
    assert standard["parsed_analytics_lines"][0]["repo_hash"] == "4c80e019"
    assert strict["parsed_analytics_lines"][0]["repo_hash"] not in (None, "4c80e019")
