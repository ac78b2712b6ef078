"""Damaged and wrong ledgers: what is wrong is named with its place, the rest still counts.

Cases of one kind lie on consecutive lines of one ledger, so that each also shows that the
others do not disturb it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger import oracle
from tests.ledger.generate import ledger
from warehouse.contracts import lake_tables
from warehouse.ledger_block import compatible_block
from warehouse.parsing import to_batch
from warehouse.sources.ledger.lines import TABLES, LedgerParser

Replays = Callable[..., Any]

CANARY = "CANARY-7f3a"


def goal(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A goal that breaks no rule, and `fields` instead of its own."""
    return {
        "goal_id": f"2026-01-01-{number:03d}",
        "title": CANARY,
        "goal_type": "product",
        "status": "success",
        "attempts": 1,
        "started_at": "2026-01-01T10:00:00+00:00",
        "finished_at": "2026-01-01T11:00:00+00:00",
        "cost_usd": 1.5,
        "notes": CANARY,
        **fields,
    }


def entry(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "entry_id": f"2026-01-01-{number:03d}-attempt-001",
        "goal_id": f"2026-01-01-{number:03d}",
        "status": "success",
        **fields,
    }


def finished(goal: Any = None, **parts: Any) -> str:
    event = {"event_type": "goal_finished", "ts": "2026-01-01T11:00:00Z", "goal": goal, **parts}
    return json.dumps(event) + "\n"


GOOD = finished(goal(900), entries=[entry(900)])


def findings(replayed: Any) -> list[tuple[Any, ...]]:
    return [
        (row["severity"], row["line_number"], row["record_id"], row["field"], row["rule"])
        for row in replayed.rows("SELECT * FROM goal_violations")
    ]


def rejected(replayed: Any) -> list[tuple[Any, ...]]:
    return [row for row in findings(replayed) if row[0] == "rejected"]


def assert_rest_counts(replayed: Any) -> None:
    """The good goal of line 1 is there as if nothing else were."""
    (row,) = replayed.rows("SELECT * FROM goals WHERE goal_id = '2026-01-01-900'")
    assert (row["status"], row["cost_usd"], row["entries"]) == ("success", Decimal("1.5"), 1)


# --- lines ----------------------------------------------------------------------------------------

BAD_LINES: list[tuple[bytes, str]] = [
    (f'{{"event_type": "goal_finished", "goal": {{"title": "{CANARY}'.encode(), "not_json"),
    (CANARY.encode(), "not_json"),
    (b"\x00\x01", "not_json"),
    (b"[" * 100_000, "not_json"),
    (b"\xff\xfe{}", "not_json"),
    (b'{"event_type": "goal_finished", "ts": "\xff"}', "not_json"),
    (f'["{CANARY}"]'.encode(), "not_an_object"),
    (b"42", "not_an_object"),
    (b"null", "not_an_object"),
    (b'"goal_finished"', "not_an_object"),
]

OTHER_EVENTS: list[Any] = [
    {"event_type": "note_added", "goal": goal(1)},
    {"event_type": "", "goal": goal(1)},
    {"event_type": "Goal_Finished", "goal": goal(1)},
    {"event_type": None, "goal": "no goal"},
    {"event_type": ["goal_finished"], "goal": goal(1)},
    {"event_type": "goal_archived", "goals": 5, "entries": "x"},
    {"event_type": f"please fix {CANARY}", "goal": goal(1)},
    {"goal": goal(1)},
    {},
]


def test_lines_that_are_no_events(replay: Replays) -> None:
    good = GOOD.encode()
    bad = b"".join(line + b"\n" for line, _ in BAD_LINES)
    replayed = replay(good + bad + good.replace(b"900", b"901"))
    assert findings(replayed) == [
        ("rejected", number, None, "line", rule) for number, (_, rule) in enumerate(BAD_LINES, 2)
    ]
    assert_rest_counts(replayed)
    assert compatible_block(replayed.connection)["closed_tasks"] == 2
    (source,) = replayed.rows("SELECT * FROM ledgers")
    counts = (source["lines"], source["events"], source["rejected_lines"])
    assert counts == (len(BAD_LINES) + 2, 2, len(BAD_LINES))


def test_forms_of_lines_that_are_no_damage(replay: Replays) -> None:
    """A byte order mark, blank lines, carriage returns."""
    windows = finished(goal(1), entries=[entry(1)]).replace("\n", "\r\n")
    replayed = replay("\ufeff" + GOOD + "\n   \n\t\n\r\n" + windows)
    assert findings(replayed) == []
    assert_rest_counts(replayed)
    (source,) = replayed.rows("SELECT * FROM ledgers")
    assert (source["lines"], source["events"], source["rejected_lines"]) == (6, 2, 0)
    assert compatible_block(replayed.connection)["closed_tasks"] == 2


def test_other_events_change_nothing(replay: Replays) -> None:
    replayed = replay(GOOD + "".join(json.dumps(event) + "\n" for event in OTHER_EVENTS))
    assert findings(replayed) == []
    assert len(replayed.rows("SELECT * FROM goals")) == 1
    rows = replayed.rows("SELECT * FROM parsed_ledger_events WHERE line_number > 1")
    assert [row["is_replayed"] for row in rows] == [False] * len(OTHER_EVENTS)
    kinds = [row["event_type"] for row in rows if row["event_type"] is not None]
    assert kinds == ["note_added", "Goal_Finished", "goal_archived"]


# --- records --------------------------------------------------------------------------------------

BAD_GOALS: list[tuple[Any, str]] = [  # fields of a goal, or what stands in its place
    (CANARY, "not_a_record"),
    ([goal(1)], "not_a_record"),
    ({"goal_id": None}, "no_key"),
    ({"goal_id": ""}, "no_key"),
    ({"goal_id": None, "status": None}, "no_key"),
    ({"goal_id": 20260101001}, "bad_value"),
    ({"goal_id": f"{CANARY} is what to do"}, "bad_value"),
    ({"goal_id": "x" * 81}, "bad_value"),
    ({"status": None}, "missing_field"),
    ({"attempts": None}, "missing_field"),
    ({"status": CANARY}, "bad_value"),
    ({"status": True}, "bad_value"),
    ({"goal_type": CANARY}, "bad_value"),
    ({"failure_reason": CANARY}, "bad_value"),
    ({"result_fit": CANARY}, "bad_value"),
    ({"attempts": 1.5}, "bad_value"),
    ({"attempts": "two"}, "bad_value"),
    ({"attempts": True}, "bad_value"),
    ({"attempts": float("nan")}, "bad_value"),
    ({"attempts": 10**30}, "bad_value"),
    ({"cost_usd": CANARY}, "bad_value"),
    ({"cost_usd": [1]}, "bad_value"),
    ({"cost_usd": False}, "bad_value"),
    ({"tokens_total": 0.5}, "bad_value"),
    ({"started_at": CANARY}, "bad_value"),
    ({"started_at": 1767261600}, "bad_value"),
    ({"finished_at": "2026-02-30T10:00:00Z"}, "bad_value"),
    ({"model": 5}, "bad_value"),
    ({"title": 5}, "bad_value"),
    ({"supersedes_goal_id": CANARY + " !"}, "bad_value"),
]

BAD_ENTRIES: list[tuple[Any, str]] = [
    (None, "not_a_record"),
    (5, "not_a_record"),
    (entry(1, entry_id=None), "no_key"),
    (entry(1, goal_id=None), "missing_field"),
    (entry(1, status=None), "missing_field"),
    (entry(1, status="done"), "bad_value"),
    (entry(1, inferred="yes"), "bad_value"),
    (entry(1, entry_type=f"about {CANARY}"), "bad_value"),
    (entry(1, cost_usd={}), "bad_value"),
]


def test_goals_that_cannot_be_used(replay: Replays) -> None:
    """The record is set aside; its event's other records are used, and so is its past."""
    lines = []
    for number, (bad, _) in enumerate(BAD_GOALS, 1):
        lines.append(finished(goal(number, status="in_progress", finished_at=None, cost_usd=7)))
        record = goal(number, **bad) if isinstance(bad, dict) else bad
        lines.append(finished(record, entries=[entry(number)]))
    replayed = replay(GOOD + "".join(lines))
    places = {2 * number + 1: rule for number, (_, rule) in enumerate(BAD_GOALS, 1)}
    assert rejected(replayed) == [
        ("rejected", line, None, "goal", rule) for line, rule in places.items()
    ]
    rows = replayed.rows("SELECT * FROM parsed_rejects")
    assert {row["line_number"]: row["rule"] for row in rows} == places
    assert_rest_counts(replayed)
    past = replayed.rows("SELECT * FROM goals WHERE status = 'in_progress' AND cost_usd = 7")
    assert len(past) == len(BAD_GOALS)
    entries = replayed.rows("SELECT line_number FROM attempts WHERE line_number > 1")
    assert sorted(row["line_number"] for row in entries) == list(places)


def test_entries_that_cannot_be_used(replay: Replays) -> None:
    lines = [
        finished(goal(number), entries=[bad, entry(number)])
        for number, (bad, _) in enumerate(BAD_ENTRIES, 1)
    ]
    replayed = replay(GOOD + "".join(lines))
    assert findings(replayed) == [
        ("rejected", line, None, "entries", rule) for line, (_, rule) in enumerate(BAD_ENTRIES, 2)
    ]
    positions = replayed.rows("SELECT DISTINCT position FROM parsed_ledger_rejects")
    assert positions == [{"position": 2}]
    assert len(replayed.rows("SELECT * FROM attempts")) == len(BAD_ENTRIES) + 1


def test_parts_that_are_no_lists(replay: Replays) -> None:
    """A single record instead of a list is taken for what it is."""
    event = {
        "event_type": "goals_merged",
        "goal": goal(1),
        "dropped_goal_id": {"goal_id": "2026-01-01-900"},
        "goals": goal(2),
        "entries": CANARY,
    }
    replayed = replay(GOOD + json.dumps(event) + "\n")
    assert rejected(replayed) == [
        ("rejected", 2, None, "dropped_goal_id", "bad_value"),
        ("rejected", 2, None, "entries", "not_a_record"),
    ]
    ids = [row["goal_id"] for row in replayed.rows("SELECT goal_id FROM goals ORDER BY goal_id")]
    assert ids == ["2026-01-01-001", "2026-01-01-002", "2026-01-01-900"]


def test_several_rejects_in_one_line(replay: Replays) -> None:
    replayed = replay(GOOD + finished({}, entries=[{}, entry(1), CANARY]))
    assert rejected(replayed) == [
        ("rejected", 2, None, "goal", "no_key"),
        ("rejected", 2, None, "entries", "no_key"),
        ("rejected", 2, None, "entries", "not_a_record"),
    ]
    (event,) = replayed.rows("SELECT * FROM parsed_ledger_events WHERE line_number = 2")
    assert (event["entries_put"], event["rejected_records"]) == (1, 3)
    (reject,) = replayed.rows("SELECT * FROM parsed_rejects")
    assert reject["error"] == "goal: goal_id is missing (and 2 more of its records)"


# --- values ---------------------------------------------------------------------------------------

UNUSABLE_NUMBERS = [
    ("NaN", "not_finite"),
    ("Infinity", "not_finite"),
    ("-Infinity", "not_finite"),
    ('"NaN"', "not_finite"),
    ("1e300", "out_of_range"),
    ("1e999999999999999999999", "not_finite"),
    ("9" * 5000, "out_of_range"),
    ("-1e12", "out_of_range"),
    ("1000000000000", "out_of_range"),
]
USABLE_NUMBERS = ["0.30000000000000004", "1e-7", "999999999999.999999", "0", "-0.0", '"2.5"']


@pytest.mark.parametrize("field", ["cost_usd", "tokens_total"])
def test_numbers_that_no_column_holds(field: str, replay: Replays) -> None:
    """The number is set aside, as unknown; the goal counts all the same."""
    lines = [
        finished(goal(number, **{field: 123456}), entries=[entry(number)]).replace("123456", text)
        for number, (text, _) in enumerate(UNUSABLE_NUMBERS, 1)
    ]
    replayed = replay(GOOD + "".join(lines))
    assert findings(replayed) == [
        ("violation", number + 1, f"2026-01-01-{number:03d}", field, rule)
        for number, (_, rule) in enumerate(UNUSABLE_NUMBERS, 1)
    ]
    rows = replayed.rows(f"SELECT {field} AS value, status FROM goals WHERE line_number > 1")
    assert rows == [{"value": None, "status": "success"}] * len(UNUSABLE_NUMBERS)
    block = compatible_block(replayed.connection)
    assert block["closed_tasks"] == len(UNUSABLE_NUMBERS) + 1
    known = 1 if field == "cost_usd" else block["closed_tasks"]
    assert (block["total_cost_usd"], block["known_cost_successes"]) == (1.5 * known, known)


def test_numbers_that_columns_do_hold(replay: Replays) -> None:
    lines = [
        finished(goal(number, cost_usd=123456), entries=[entry(number)]).replace("123456", text)
        for number, text in enumerate(USABLE_NUMBERS, 1)
    ]
    replayed = replay("".join(lines))
    costs = replayed.rows("SELECT cost_usd FROM goals ORDER BY goal_id")
    assert [row["cost_usd"] for row in costs] == [Decimal(n.strip('"')) for n in USABLE_NUMBERS]
    assert findings(replayed) == []


def test_whole_numbers_written_as_texts_or_fractions(replay: Replays) -> None:
    record = goal(1, attempts="3", cost_usd="1.25", tokens_total=12.0, input_tokens="7")
    (row,) = replay(finished(record)).rows("SELECT * FROM goals")
    values = (row["attempts"], row["cost_usd"], row["tokens_total"], row["input_tokens"])
    assert values == (3, Decimal("1.25"), 12, 7)


def test_sums_of_the_largest_numbers(replay: Replays) -> None:
    """No sum that a ledger can cause breaks the build."""
    most = 10**12 - 1
    lines = [
        finished(
            goal(
                number,
                cost_usd=most,
                tokens_total=most,
                input_tokens=-most,
                attempts=10**9 - 1,
            )
        )
        for number in range(1, 200)
    ]
    block = compatible_block(replay("".join(lines)).connection)
    assert block["total_tokens"] == 199 * most
    assert block["total_input_tokens"] == -199 * most
    assert block["total_attempts"] == 199 * (10**9 - 1)
    assert block["total_cost_usd"] == pytest.approx(199 * most)
    assert block["known_cost_per_success_usd"] == most


def test_times_without_offset_are_utc_and_named(replay: Replays) -> None:
    replayed = replay(finished(goal(1, started_at="2026-01-01T10:00:00", finished_at="2026-01-02")))
    (row,) = replayed.rows("SELECT * FROM goals")
    assert row["started_at"] == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert row["finished_at"] == datetime(2026, 1, 2, tzinfo=UTC)
    named = [row[3:] for row in findings(replayed) if row[0] == "violation"]
    assert named == [("finished_at", "no_offset"), ("started_at", "no_offset")]


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z"])
def test_times_that_stand_for_none_are_unknown(time: str, replay: Replays) -> None:
    """What some programs write for no time: no zone but UTC could show it."""
    line = finished(goal(1, finished_at=time), entries=[entry(1, started_at=time[:-1])])
    replayed = replay(line.replace("2026-01-01T11:00:00Z", time))
    assert findings(replayed) == [
        ("violation", 1, "2026-01-01-001", "finished_at", "out_of_range"),
        ("violation", 1, "2026-01-01-001-attempt-001", "started_at", "out_of_range"),
    ]
    (row,) = replayed.rows("SELECT started_at, finished_at FROM goals")
    assert row == {"started_at": datetime(2026, 1, 1, 10, tzinfo=UTC), "finished_at": None}
    assert replayed.rows("SELECT started_at FROM attempts") == [{"started_at": None}]
    (ledger,) = replayed.rows("SELECT first_event_at, last_event_at FROM ledgers")
    assert ledger == {"first_event_at": None, "last_event_at": None}


def test_the_event_s_own_time_plays_no_part(replay: Replays) -> None:
    times = ["2099-01-01T00:00:00Z", "no time", 5, None]
    lines = [
        {"event_type": "goal_updated", "ts": time, "goal": goal(1, cost_usd=cost)}
        for cost, time in enumerate(times)
    ]
    replayed = replay("".join(json.dumps(line) + "\n" for line in lines))
    (row,) = replayed.rows("SELECT cost_usd FROM goals")
    assert row["cost_usd"] == 3
    history = replayed.rows("SELECT recorded_at FROM goal_history ORDER BY line_number")
    assert [row["recorded_at"] is None for row in history] == [False, True, True, True]


def test_names_that_are_none(replay: Replays) -> None:
    names = [("model", " ", "blank"), ("agent_name", "", "blank"), ("model", "m" * 81, "too_long")]
    lines = [
        finished(goal(number, **{field: name}), entries=[entry(number)])
        for number, (field, name, _) in enumerate(names, 1)
    ]
    replayed = replay("".join(lines))
    assert findings(replayed) == [
        ("violation", number, f"2026-01-01-{number:03d}", field, rule)
        for number, (field, _, rule) in enumerate(names, 1)
    ]
    rows = replayed.rows("SELECT model, agent_name FROM goals")
    assert rows == [{"model": None, "agent_name": None}] * 3


def test_the_careful_way_reads_what_the_fast_one_reads(replay: Replays) -> None:
    """NaN sends a line the careful way: but for it, the rows are the same."""
    old_goal = goal(1, supersedes_task_id="2026-01-01-002", task_type="meta")
    del old_goal["goal_type"]
    old_goal |= {"thread_id": None, "codex_thread_id": "0199-a", "model": " gpt-5 "}
    old_entry = {
        "entry_id": "e-attempt-001",
        "task_id": "2026-01-01-001",
        "task_type": "retro",
        "status": "fail",
        "inferred": None,
        "notes": "ä",
    }
    usual = finished(old_goal, entries=[old_entry, entry(1)])
    unusual = usual.replace('-001-attempt-001",', '-001-attempt-001", "cost_usd": NaN,')
    assert unusual != usual
    fast, careful = (
        [
            replayed.rows("SELECT * FROM parsed_ledger_goals"),
            replayed.rows("SELECT * EXCLUDE oddities FROM parsed_ledger_entries"),
            replayed.rows("SELECT * FROM parsed_ledger_events"),
        ]
        for replayed in (replay(usual), replay(unusual))
    )
    assert fast == careful
    ((row,), (first, second), _) = fast
    assert (row["goal_type"], row["supersedes_goal_id"]) == ("meta", "2026-01-01-002")
    assert (row["thread_id"], row["model"]) == ("0199-a", " gpt-5 ")
    assert (first["goal_id"], first["entry_type"]) == ("2026-01-01-001", "retro")
    assert second["entry_type"] == "update"


BLANK_TYPES: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [  # of goal and entry
    ({"goal_type": None, "task_type": ""}, {"task_type": ""}, "product", "update"),
    (
        {"goal_type": "", "task_type": "meta"},
        {"entry_type": "", "task_type": "retro"},
        "meta",
        "retro",
    ),
    ({"goal_type": ""}, {"entry_type": ""}, "product", "update"),
]


@pytest.mark.parametrize(("of_goal", "of_entry", "goal_type", "entry_type"), BLANK_TYPES)
def test_a_blank_type_says_nothing_whatever_else_the_line_holds(
    of_goal: dict[str, Any],
    of_entry: dict[str, Any],
    goal_type: str,
    entry_type: str,
    replay: Replays,
) -> None:
    usual = finished(goal(1, **of_goal), entries=[entry(1, **of_entry)])
    for line in (usual, usual.replace("{", '{"odd": NaN, ', 1)):
        replayed = replay(line)
        assert findings(replayed) == []
        assert [row["goal_type"] for row in replayed.rows("SELECT * FROM goals")] == [goal_type]
        assert [row["entry_type"] for row in replayed.rows("SELECT * FROM attempts")] == [
            entry_type
        ]


# --- goals that supersede each other --------------------------------------------------------------


def test_circles_and_missing_predecessors(replay: Replays) -> None:
    supersedes = {1: 2, 2: 3, 3: 2, 4: 5, 5: 4, 6: 6, 7: 99}
    lines = [
        finished(
            goal(number, supersedes_goal_id=f"2026-01-01-{before:03d}"), entries=[entry(number)]
        )
        for number, before in supersedes.items()
    ]
    replayed = replay(GOOD + "".join(lines))
    found = {row[2:] for row in findings(replayed) if row[0] == "violation"}
    circle = {(f"2026-01-01-{n:03d}", "supersedes_goal_id", "circle") for n in (2, 3, 4, 5, 6)}
    assert found == circle | {("2026-01-01-007", "supersedes_goal_id", "no_such_goal")}
    rows = replayed.rows("SELECT * FROM effective_goals")
    assert {row["goal_id"][-3:]: row["members"] for row in rows} == {"001": 3, "007": 1, "900": 1}


def test_a_long_chain(replay: Replays) -> None:
    lines = [
        finished(
            goal(n, goal_id=f"g{n}", supersedes_goal_id=f"g{n - 1}" if n else None, cost_usd=1)
        )
        for n in range(1000)
    ]
    (row,) = replay("".join(lines)).rows("SELECT * FROM effective_goals")
    assert (row["goal_id"], row["members"], row["cost_usd"]) == ("g999", 1000, 1000)


def test_ids_in_two_ledgers_of_one_label(replay: Replays) -> None:
    replayed = replay(GOOD, GOOD)
    notice = ("notice", 1, "2026-01-01-900", "goal_id", "in_other_ledger")
    assert findings(replayed) == [notice, notice]
    assert compatible_block(replayed.connection)["closed_tasks"] == 2
    assert findings(replay(ann=GOOD, bob=GOOD)) == []


# --- nothing at all -------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [None, "{}\n\n"])
def test_an_empty_ledger_gives_the_empty_block(content: str | None, replay: Replays) -> None:
    replayed = replay() if content is None else replay(content)
    block = compatible_block(replayed.connection)
    assert block == oracle.block([oracle.Oracle([])])
    zeros = (block["closed_tasks"], block["total_cost_usd"], block["total_tokens"])
    assert zeros == (0, 0.0, 0)
    assert block["success_rate"] is None
    assert list(block["by_goal_type"]) == ["meta", "product", "retro"]
    assert (block["by_model"], block["entries"]["failure_reasons"]) == ({}, {})
    (row,) = replayed.rows("SELECT * FROM summary")
    assert (row["closed_goals"], row["total_cost_usd"]) == (0, None)


# --- anything at all ------------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
fields = (*goal(), *entry(), "supersedes_goal_id", "tokens_total", "model", "thread_id", "task_id")
records = st.dictionaries(st.sampled_from(fields), anything).map(lambda odd: goal(1) | odd)
events = st.fixed_dictionaries(
    {"event_type": st.sampled_from(["goal_finished", "goals_merged", "usage_synced", "x"])},
    optional={
        "ts": anything,
        "goal": records | anything,
        "goals": st.lists(records | anything, max_size=3) | anything,
        "entries": st.lists(records | anything, max_size=3) | anything,
        "dropped_goal_id": anything,
    },
)
lines_of_anything = st.lists(
    (events | anything).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=30),
    max_size=8,
)


@given(lines_of_anything)
@settings(max_examples=200, deadline=None)
def test_no_line_breaks_the_parser(lines: list[bytes]) -> None:
    """Every line has its row, every event its counts, and rows are what the contracts say."""
    lines = [line.replace(b"\n", b" ") for line in lines]
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
    LedgerParser().parse(lines, 1, 0, rows)
    assert [row[0] for row in rows["raw_lines"]] == list(range(1, len(lines) + 1))
    for name, found in rows.items():
        if found:
            to_batch(found, ["s"] * len(found), lake_tables()[name].arrow_schema)
    events = {row[0]: row for row in rows["parsed_ledger_events"]}
    rejected = {row[0] for row in rows["parsed_rejects"]}
    blank = {number for number, line in enumerate(lines, 1) if not line.strip()}
    assert len(events) + len(rejected - events.keys()) + len(blank) == len(lines)
    counted = [sum(row[place] for row in events.values()) for place in (4, 5, 6, 7)]
    tables = ("goals", "removals", "entries", "rejects")
    assert counted == [len(rows[f"parsed_ledger_{name}"]) for name in tables]


@given(st.integers(0, 2**32), st.lists(st.integers(0, 200), max_size=6))
@settings(max_examples=20, deadline=None)
def test_rows_do_not_depend_on_how_a_ledger_is_cut(seed: int, cuts: list[int]) -> None:
    lines = [line.encode() for line in ledger(seed, 30)]

    def rows(edges: list[int]) -> dict[str, list[tuple[Any, ...]]]:
        found: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
        for start, end in zip([0, *edges], [*edges, len(lines)], strict=True):
            offset = sum(len(line) + 1 for line in lines[:start])
            LedgerParser().parse(lines[start:end], start + 1, offset, found)
        return found

    assert rows(sorted(min(cut, len(lines)) for cut in cuts)) == rows([])


def test_no_text_of_users_is_kept(replay: Replays) -> None:
    texts = [
        finished(goal(1), entries=[entry(1, notes=CANARY)]),
        finished(goal(2, cost_usd=CANARY)),
        finished(goal(3, status=CANARY), entries=[entry(3, entry_type=f"{CANARY} x")]),
        finished(CANARY, entries=CANARY),
        finished(goal(4, goal_id=f"{CANARY} !", started_at=CANARY)),
        finished(goal(5, **{CANARY: CANARY}), **{CANARY: CANARY}),
        json.dumps({"event_type": f"{CANARY} happened", "ts": CANARY}) + "\n",
        f"{CANARY}\n",
        f'{{"{CANARY}": NaN}}\n',
        f'["{CANARY}"]\n',
    ]
    replayed = replay("".join(texts))
    names = [row["name"] for row in replayed.rows("SELECT table_name AS name FROM duckdb_tables()")]
    assert {"goals", "goal_violations", "parsed_rejects"} <= set(names)
    for name in names:
        (row,) = replayed.rows(f"SELECT CAST(list(t) AS VARCHAR) AS text FROM {name} AS t")
        assert CANARY not in (row["text"] or ""), name
