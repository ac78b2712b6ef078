"""Lines in unusual forms: read all the same, reported where unknown, rejected without a text.

Belongs here: the router, raw_lines, rejects, unknown parts, and rules that hold for any
bytes. Does not belong here: the rows of the usual lines (test_lines.py).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.codex.test_lines import AT, CASES, SOURCE, written
from tests.sources.parsed import Row, checked, parse, texts_of
from warehouse.sources.codex.router import KEPT
from warehouse.sources.codex.shapes import MAX_LABEL

CANARY = "canary 5b1e"
LINES = [case.values[0]["line"] for case in CASES]


def dumped(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def envelope(kind: str, payload: Any, **more: Any) -> dict[str, Any]:
    return {"timestamp": AT, "type": kind, "payload": payload, **more}


def read(*lines: bytes) -> dict[str, list[Row]]:
    rows = parse(SOURCE, b"".join(line + b"\n" for line in lines))
    checked(rows)
    return rows


def only(rows: dict[str, list[Row]], table: str) -> Row:
    (row,) = rows[table]
    return row


def without_place(rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """All rows but those of raw_lines, without what tells where the line stands."""
    place = {"line_number", "byte_offset", "byte_length"}
    return {
        table: [{k: v for k, v in row.items() if k not in place} for row in some]
        for table, some in rows.items()
        if table != "raw_lines"
    }


TOKENS = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
TOKEN_COUNT = {"type": "token_count", "info": {"last_token_usage": TOKENS}, "rate_limits": None}
MOST = 2**63 - 1


# --- forms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_other_order_and_spaces_change_nothing(case: dict[str, Any]) -> None:
    line = json.loads(written(case["line"]))
    usual = without_place(read(dumped(line)))
    turned = dict(reversed(line.items()))
    assert without_place(read(dumped(turned))) == usual
    spaced = json.dumps(line, indent=1, ensure_ascii=False).replace("\n", " ").encode()
    assert without_sizes(without_place(read(spaced))) == without_sizes(usual)


@pytest.mark.parametrize("case", CASES)
def test_the_payload_s_type_may_stand_anywhere(case: dict[str, Any]) -> None:
    line = json.loads(written(case["line"]))
    usual = read(dumped(line))
    turned = read(dumped({**line, "payload": dict(reversed(line["payload"].items()))}))
    assert without_place(turned) == without_place(usual)
    names = ("type", "payload_type", "recorded_at", "ordinal")
    told = [[only(rows, "raw_lines")[name] for name in names] for rows in (turned, usual)]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("plain", "escaped"),
    [
        (b'"event_msg"', b'"event\\u005fmsg"'),
        (b'"token_count"', b'"token\\u005fcount"'),
        (b'{"type"', b'{"\\u0074ype"'),
        (b'"payload"', b'"p\\u0061yload"'),
    ],
)
def test_names_may_be_written_with_escapes(plain: bytes, escaped: bytes) -> None:
    line = dumped(envelope("event_msg", TOKEN_COUNT))
    rows = read(line.replace(plain, escaped))
    assert without_place(rows) == without_place(read(line))
    row = only(rows, "raw_lines")
    assert (row["type"], row["payload_type"]) == ("event_msg", "token_count")


def test_of_names_that_come_twice_the_last_counts() -> None:
    """As in any JSON; what the first says of the kind must not have the last one misread."""
    said = {"type": "agent_message", "message": CANARY}
    line = dumped(envelope("event_msg", TOKEN_COUNT))[:-1] + b',"payload":' + dumped(said) + b"}"
    rows = read(line)
    assert without_place(rows) == without_place(read(dumped(envelope("event_msg", said))))
    assert only(rows, "raw_lines")["payload_type"] == "agent_message"


def without_sizes(rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Without the sizes of what is measured as it is written."""
    return {
        table: [{k: v for k, v in row.items() if not k.endswith("_bytes")} for row in some]
        for table, some in rows.items()
    }


@pytest.mark.parametrize(
    ("timestamp", "recorded_at"),
    [
        ("2026-03-04T10:00:00Z", "2026-03-04T10:00:00Z"),
        ("2026-03-04T11:00:00.5+01:00", "2026-03-04T10:00:00.500000Z"),
        ("2026-03-04T10:00:00", "2026-03-04T10:00:00Z"),
        (1772618400, "2026-03-04T10:00:00Z"),
        (1772618400.25, "2026-03-04T10:00:00.250000Z"),
        (1772618400250, "2026-03-04T10:00:00.250000Z"),
        (None, None),
        ("yesterday", None),
        (1e300, None),
        (10**400, None),
    ],
)
def test_times_of_lines(timestamp: object, recorded_at: str | None) -> None:
    rows = read(dumped({**envelope("event_msg", TOKEN_COUNT), "timestamp": timestamp}))
    assert only(rows, "raw_lines")["recorded_at"] == recorded_at
    assert only(rows, "parsed_usage")["recorded_at"] == recorded_at


def test_a_time_that_is_none_becomes_null() -> None:
    from tests.sources.parsed import KEY
    from warehouse.contracts import lake_tables
    from warehouse.parsing import to_batch
    from warehouse.privacy import Privacy

    line = dumped(envelope("event_msg", TOKEN_COUNT)).replace(
        AT.encode(), b"2026-02-30 or so, in a Z"
    )
    rows: dict[str, list[tuple[object, ...]]] = {table: [] for table in SOURCE.tables}
    SOURCE.parser(Privacy("standard", KEY)).parse([line], 1, 0, rows)
    batch = to_batch(rows["raw_lines"], ["s"], lake_tables()["raw_lines"].arrow_schema)
    assert batch.column("recorded_at").to_pylist() == [None]


@pytest.mark.parametrize("line", [b"", b"   ", b"\t"])
def test_blank_lines_are_lines(line: bytes) -> None:
    rows = read(line)
    assert only(rows, "raw_lines")["type"] is None
    assert sum(map(len, rows.values())) == 1


def test_halves_of_surrogate_pairs_are_read() -> None:
    payload = {"type": "agent_message", "message": "a\ud83d\\ud83d \ude00b \ud83d\ude00"}
    rows = read(json.dumps(envelope("event_msg", payload), separators=(",", ":")).encode())
    assert only(rows, "parsed_messages")["text_chars"] == len("a.\\ud83d .b 😀")
    assert rows["parsed_rejects"] == []


# --- hashes and bodies ----------------------------------------------------------------------------


def hash_of(line: dict[str, Any]) -> int:
    return int(only(read(dumped(line)), "raw_lines")["payload_hash"])


def message(**more: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": "x"}]
    payload = {"type": "message", **more, "role": "assistant", "content": content}
    return envelope("response_item", payload)


def test_copies_have_the_same_hash() -> None:
    """Whatever copying may change: the time, the ordinal, the item's id, its metadata."""
    line = message()
    same = [
        {**line, "timestamp": "2027-01-01T00:00:00.000Z"},
        {"timestamp": AT, "ordinal": 7, **{k: line[k] for k in ("type", "payload")}},
        message(id="msg_1"),
        {**message(id="msg_2"), "metadata": {"history_sequence": 5}},
    ]
    assert {hash_of(other) for other in same} == {hash_of(line)}
    assert hash_of(message(phase="commentary")) != hash_of(line)


@pytest.mark.parametrize("case", CASES)
def test_a_copy_with_other_line_ends_has_the_same_hash(case: dict[str, Any]) -> None:
    line = written(case["line"]).removesuffix(b"\n")
    plain, other = (read(line + end)["raw_lines"][0] for end in (b"", b"\r"))
    assert other["payload_hash"] == plain["payload_hash"]


def test_the_hash_is_keyed() -> None:
    from warehouse.privacy import Privacy

    hashes = set()
    for key in (b"a" * 32, b"b" * 32):
        rows: dict[str, list[tuple[object, ...]]] = {table: [] for table in SOURCE.tables}
        SOURCE.parser(Privacy("standard", key)).parse([dumped(message())], 1, 0, rows)
        hashes.add(rows["raw_lines"][0][7])
    assert len(hashes) == 2


@pytest.mark.parametrize("case", CASES)
def test_bodies_are_kept_of_lines_without_content(case: dict[str, Any]) -> None:
    line = written(case["line"])[:-1]
    payload = case["line"]["payload"]
    name = payload.get("type") if case["line"]["type"] == "event_msg" else case["line"]["type"]
    body = only(read(line), "raw_lines")["body"]
    assert body == (line.decode() if name in KEPT else None)


@pytest.mark.parametrize("case", [case for case in CASES if "secret" not in str(case.values[0])])
def test_no_body_is_kept_of_a_line_with_an_unknown_field(case: dict[str, Any]) -> None:
    """Of token counts and turn starts, whose body is kept else: at any depth."""
    line = json.loads(written(case["line"]))

    def planted(value: Any) -> Any:
        if isinstance(value, dict):
            for name, inner in value.items():
                for other in planted(inner):
                    yield {**value, name: other}
            yield {**value, "note": CANARY}

    for other in planted(line):
        rows = read(dumped(other))
        assert [text for text in texts_of(rows) if CANARY in text] == []


def test_a_text_in_place_of_a_time_is_not_kept() -> None:
    limits = {"primary": {"used_percent": 1.0, "resets_at": CANARY}}
    rows = read(dumped(envelope("event_msg", {**TOKEN_COUNT, "rate_limits": limits})))
    assert texts_of(rows).count("token_count") == 2
    assert not any(CANARY in text for text in texts_of(rows))
    assert only(rows, "parsed_rate_limits")["primary_resets_at"] is None


def test_a_text_in_place_of_the_line_s_time_is_not_kept() -> None:
    line = dumped(envelope("event_msg", TOKEN_COUNT)).replace(
        AT.encode(), b"the canary sings hereZ"
    )
    rows = read(line)
    assert only(rows, "raw_lines")["body"] is None
    assert only(rows, "parsed_usage")["last_input_tokens"] == 5


def test_a_time_that_is_no_text_costs_nothing_but_itself() -> None:
    limits = {"primary": {"used_percent": 1.0, "resets_in_seconds": 60}}
    line = dumped(envelope("event_msg", {**TOKEN_COUNT, "rate_limits": limits}))
    rows = read(line.replace(AT[:4].encode(), b"\xff\xfe26"))
    assert rows["parsed_rejects"] == []
    assert only(rows, "parsed_usage")["last_input_tokens"] == 5
    assert only(rows, "parsed_rate_limits")["primary_resets_at"] is None


@pytest.mark.parametrize("name", ["exec_command", "apply_patch"])
def test_arguments_that_are_nested_too_deeply_are_counted(name: str) -> None:
    deep = '{"cmd":"ls","more":' + "[" * 100_000 + "]" * 100_000 + "}"
    call = {"type": "function_call", "name": name, "arguments": deep, "call_id": "c"}
    rows = read(dumped(envelope("response_item", call)))
    assert rows["parsed_rejects"] == []
    assert only(rows, "parsed_tool_calls")["argument_bytes"] == len(deep)


# --- what is unknown ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (envelope("event_msg", {"type": "new_event", "text": CANARY}), "event_msg/new_event"),
        (envelope("response_item", {"type": "new_item"}), "response_item/new_item"),
        (envelope("new_line", {"a": CANARY}), "new_line"),
        (envelope("new_line", {"type": "x"}), "new_line"),
        (envelope("event_msg", {"no": "type"}), "event_msg/-"),
        (envelope("event_msg", {"type": CANARY}), "event_msg/unusual"),
        (envelope(CANARY, {"a": 1}), "unusual"),
        (envelope("retained_context", {"type": "new"}), "retained_context/new"),
        (
            envelope("event_msg", {"type": "item_completed", "item": {"type": "New", "a": CANARY}}),
            "event_msg/item_completed/New",
        ),
        (
            envelope("event_msg", {"type": "item_completed", "item": {"type": CANARY}}),
            "event_msg/item_completed/unusual",
        ),
        (envelope("event_msg", {"type": "item_completed"}), "event_msg/item_completed/-"),
    ],
)
def test_unknown_kinds_are_reported(line: dict[str, Any], kind: str) -> None:
    for form in (dumped(line), json.dumps(line).encode()):
        rows = read(form)
        row = only(rows, "parsed_unknown")
        assert (row["shape_kind"], row["unknown_field"]) == (kind, None)
        assert rows["parsed_rejects"] == []
        assert only(rows, "raw_lines")["payload_hash"] is not None
        assert not any(CANARY in text for text in texts_of(rows))


@pytest.mark.parametrize(
    ("line", "kind", "fields"),
    [
        (
            envelope("event_msg", {**TOKEN_COUNT, "more": 1}),
            "event_msg/token_count",
            ["payload.more"],
        ),
        (
            envelope("event_msg", {**TOKEN_COUNT, "info": {"new": CANARY}}, place=CANARY),
            "event_msg/token_count",
            ["place", "payload.info.new"],
        ),
        (
            message(new={"inner": CANARY}, internal_chat_message_metadata_passthrough={"b": 1}),
            "response_item/message",
            ["payload.new", "payload.internal_chat_message_metadata_passthrough.b"],
        ),
        (
            envelope(
                "response_item",
                {"type": "message", "role": "user", "content": [{"text": "a", "x": 1}, {"x": 2}]},
            ),
            "response_item/message",
            ["payload.content.x"],
        ),
        (
            envelope(
                "event_msg",
                {"type": "item_completed", "item": {"type": "Plan", "text": "x", "steps": []}},
            ),
            "event_msg/item_completed/Plan",
            ["payload.item.steps"],
        ),
        (
            envelope("event_msg", {"type": "context_compacted", f"{CANARY} {CANARY}": 1}),
            "event_msg/context_compacted",
            ["payload.unusual"],
        ),
        (
            envelope("turn_context", {"model": "m", "sandbox_policy": {"type": "x", "new": 1}}),
            "turn_context",
            ["payload.sandbox_policy.new"],
        ),
        (
            envelope("session_meta", {"id": "t", "source": {"feature": {CANARY: CANARY}}}),
            "session_meta",
            ["payload.source.feature"],
        ),
        (
            envelope(
                "session_meta",
                {"id": "t", "source": {"subagent": {"thread_spawn": {"depth": 1, "task": CANARY}}}},
            ),
            "session_meta",
            ["payload.source.subagent.thread_spawn.task"],
        ),
    ],
)
def test_unknown_fields_are_reported_and_the_rest_is_read(
    line: dict[str, Any], kind: str, fields: list[str]
) -> None:
    rows = read(dumped(line))
    found = [(row["shape_kind"], row["unknown_field"]) for row in rows["parsed_unknown"]]
    assert found == [(kind, field) for field in fields]
    assert rows["parsed_rejects"] == []
    parsed = [name for name, some in rows.items() if some]
    assert set(parsed) > {"raw_lines", "parsed_unknown"}
    assert only(rows, "raw_lines")["body"] is None
    assert not any(CANARY in text for text in texts_of(rows))


@pytest.mark.parametrize("case", CASES)
def test_an_unknown_field_changes_no_row(case: dict[str, Any]) -> None:
    line = json.loads(written(case["line"]))
    usual = without_place(read(dumped(line)))
    more = without_place(read(dumped({**line, "payload": {**line["payload"], "new_field": [1]}})))
    unknown = more.pop("parsed_unknown")
    assert more == {table: some for table, some in usual.items() if table != "parsed_unknown"}
    if line["type"] != "session_state":  # of which nothing is known
        assert [row["unknown_field"] for row in unknown] == ["payload.new_field"]


# --- what cannot be read --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b"{" + CANARY.encode(), "not_json"),
        (dumped(message())[:-1], "not_json"),
        (dumped(message())[:-9], "not_json"),
        (dumped({**message(), "metadata": {"a": 1}})[:-1], "not_json"),
        (dumped({**message(), "metadata": {"a": 1}}).replace(b'"a":1', b'"a":'), "not_json"),
        (dumped(message()) + b"x", "not_json"),
        (b"\xff\xfe" + dumped(message()), "not_json"),
        (b"[" * 100_000, "not_an_envelope"),
        (dumped(envelope("new", {}))[:-2] + b'"a":' + b"[" * 100_000, "not_json"),
        (dumped([CANARY]), "not_an_envelope"),
        (dumped(CANARY), "not_an_envelope"),
        (dumped({**message(), "timestamp": [CANARY]}).replace(b"{", b"{ ", 1), "not_an_envelope"),
        (dumped(envelope("event_msg", None)), "no_payload"),
        (dumped({"timestamp": AT, "text": CANARY}), "no_payload"),
        (dumped({"timestamp": AT, "payload": {"a": 1}}), "no_type"),
        (dumped(envelope("event_msg", CANARY)), "bad_field"),
        (dumped(envelope("turn_context", {"model": 5})), "bad_field"),
        (dumped(envelope("turn_context", {"model": {CANARY: CANARY}})), "bad_field"),
        (
            dumped(envelope("event_msg", {**TOKEN_COUNT, "info": {"last_token_usage": [CANARY]}})),
            "bad_field",
        ),
        (
            dumped(
                envelope(
                    "event_msg",
                    {"type": "item_completed", "item": {"type": "Plan", "id": [CANARY]}},
                )
            ),
            "bad_field",
        ),
        (
            dumped(envelope("event_msg", {"type": "thread_rolled_back", "num_turns": 2**63})),
            "bad_field",
        ),
        # counts that sums have no room for
        (dumped(envelope("token_usage_record", {"usage": {"input_tokens": MOST}})), "bad_field"),
        (dumped(envelope("token_usage_record", {"usage": {"input_tokens": -MOST}})), "bad_field"),
        (  # the error quotes the first type, which holds a quote itself
            dumped(
                envelope(
                    "event_msg", {"type": "item_completed", "item": {"type": "Plan", "id": "p"}}
                )
            ).replace(b'"type":"Plan"', b'"type":"it\'s %s","type":"Plan"' % CANARY.encode()),
            "bad_field",
        ),
    ],
)
def test_what_cannot_be_read_is_rejected(line: bytes, rule: str) -> None:
    rows = read(dumped(envelope("event_msg", TOKEN_COUNT)), line, dumped(message()))
    reject = only(rows, "parsed_rejects")
    assert reject["rule"] == rule
    assert (reject["line_number"], reject["byte_length"]) == (2, len(line))
    assert len(reject["error"]) <= 200
    assert len(rows["raw_lines"]) == 3
    assert not any(CANARY in text for text in texts_of(rows))
    assert len(rows["parsed_usage"]) == len(rows["parsed_messages"]) == 1


def test_rejects_tell_where() -> None:
    usage = {"last_token_usage": {"input_tokens": "many"}}
    rows = read(dumped(envelope("event_msg", {**TOKEN_COUNT, "info": usage})))
    error = only(rows, "parsed_rejects")["error"]
    assert error == "Expected `int | null`, got `str` - at `$.info.last_token_usage.input_tokens`"


def test_a_rejected_line_keeps_its_time_and_kind_if_it_is_json() -> None:
    raw = only(
        read(
            dumped(
                envelope(
                    "turn_context",
                    {"model": 5},
                )
            )
        ),
        "raw_lines",
    )
    assert (raw["type"], raw["recorded_at"]) == ("turn_context", AT)
    raw = only(read(dumped(envelope("turn_context", {"model": "m"}))[:-1]), "raw_lines")
    assert (raw["type"], raw["recorded_at"], raw["payload_hash"]) == (None, None, None)


def test_numbers_in_texts_and_whole_fractions_pass() -> None:
    usage = {"last_token_usage": {"input_tokens": "5", "output_tokens": 2.0}}
    rows = read(dumped(envelope("event_msg", {**TOKEN_COUNT, "info": usage})))
    row = only(rows, "parsed_usage")
    assert (row["last_input_tokens"], row["last_output_tokens"]) == (5, 2)
    assert rows["parsed_rejects"] == []


@pytest.mark.parametrize("line", [*LINES], ids=lambda line: str(line["payload"].get("type")))
def test_labels_are_cut(line: dict[str, Any]) -> None:
    """What is kept as a name or id is no place for a text; the line counts all the same."""
    usual = parse(SOURCE, written(line))
    long = json.loads(json.dumps(line))
    payload = long["payload"]
    for name, value in payload.items():
        if isinstance(value, str) and name not in ("type", "name", "arguments", "input"):
            payload[name] = value + "x" * 1000
    rows = parse(SOURCE, written(long))
    checked(rows)
    assert {t: len(some) for t, some in rows.items()} == {t: len(some) for t, some in usual.items()}
    for table, some in rows.items():
        for row in some:
            kept = [v for k, v in row.items() if isinstance(v, str) and k not in ("cwd", "body")]
            assert max(map(len, kept)) <= MAX_LABEL, table


# --- whatever comes -------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def _changed(draw: st.DrawFn) -> bytes:
    """A line of some shape with one field of its payload replaced by anything."""
    line = json.loads(written(draw(st.sampled_from(LINES))))
    at = line
    name = "payload"
    while isinstance(at[name], dict) and at[name] and draw(st.booleans()):
        at = at[name]
        name = draw(st.sampled_from(sorted(at)))
    at[name] = draw(_JSON)
    return json.dumps(line, separators=(",", ":"), ensure_ascii=draw(st.booleans())).encode(
        "utf-8", "surrogatepass"
    )


_BYTES = st.binary(max_size=60).filter(lambda line: b"\n" not in line)
_TORN = st.builds(
    lambda line, end: written(line)[:-1][:end], st.sampled_from(LINES), st.integers(0, 400)
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_changed() | _BYTES | _TORN, min_size=1, max_size=6), st.integers(1, 5))
def test_any_bytes(lines: list[bytes], step: int) -> None:
    """No crash; a row of raw_lines each, in order; the same however the file is sliced."""
    content = b"".join(line + b"\n" for line in lines)
    rows = parse(SOURCE, content)
    checked(rows)
    assert [row["line_number"] for row in rows["raw_lines"]] == list(range(1, len(lines) + 1))
    for line, row in zip(lines, rows["raw_lines"], strict=True):
        assert row["byte_length"] == len(line)
        assert content[row["byte_offset"] : row["byte_offset"] + len(line)] == line
    for table, some in rows.items():
        numbers = [row["line_number"] for row in some]
        assert numbers == sorted(numbers), table
        if table != "parsed_unknown":
            assert len(set(numbers)) == len(numbers), table
    cuts = list(range(step, len(lines), step))
    assert parse(SOURCE, content, cuts=cuts) == rows


def test_rows_are_in_the_order_of_their_lines() -> None:
    """Also where some of a kind are read in one way and some in another."""
    usual = envelope("turn_context", {"model": "m"})
    turned = dict(reversed(usual.items()))
    more = envelope("turn_context", {"model": "m", "new": 1})
    rows = read(*map(dumped, (usual, more, turned, usual, turned, more, usual)))
    assert [row["line_number"] for row in rows["parsed_turn_context"]] == list(range(1, 8))
    assert [row["line_number"] for row in rows["parsed_unknown"]] == [2, 6]
